//! A picture of pixels: filled boxes, lines of a width, text. Drawn three times as large and shrunk, which smooths edges.

use super::font;

/// Each pixel of the picture is so many of the canvas, both ways.
const SCALE: i32 = 3;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Color(pub(super) u8, pub(super) u8, pub(super) u8);

pub(super) struct Canvas {
    width: i32,
    height: i32,
    /// Of the larger canvas, rows from the top.
    pixels: Vec<Color>,
}

impl Canvas {
    pub(super) fn new(width: u16, height: u16, ground: Color) -> Self {
        let (width, height) = (i32::from(width), i32::from(height));
        Self { width, height, pixels: vec![ground; (width * height * SCALE * SCALE) as usize] }
    }

    /// From the left upper corner; in pixels of the picture.
    pub(super) fn fill(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), color: Color) {
        let scaled = |v: f64| (v * f64::from(SCALE)).round() as i32;
        for row in scaled(y)..scaled(y + height) {
            for column in scaled(x)..scaled(x + width) {
                self.put(column, row, color);
            }
        }
    }

    /// A straight line with round ends.
    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), width: f64, color: Color) {
        let scale = f64::from(SCALE);
        let (from, to) = ((from.0 * scale, from.1 * scale), (to.0 * scale, to.1 * scale));
        let radius = width * scale / 2.0;
        let length = (to.0 - from.0).hypot(to.1 - from.1);
        // Points so near each other that their discs leave no gap; a line across the canvas has some thousand.
        let steps = (length / (radius / 2.0).max(0.5)).ceil().clamp(1.0, 20_000.0);
        for step in 0..=steps as i32 {
            let at = f64::from(step) / steps;
            self.disc(from.0 + (to.0 - from.0) * at, from.1 + (to.1 - from.1) * at, radius, color);
        }
    }

    fn disc(&mut self, x: f64, y: f64, radius: f64, color: Color) {
        for row in (y - radius).floor() as i32..=(y + radius).ceil() as i32 {
            for column in (x - radius).floor() as i32..=(x + radius).ceil() as i32 {
                let (dx, dy) = (f64::from(column) + 0.5 - x, f64::from(row) + 0.5 - y);
                if dx * dx + dy * dy <= radius * radius {
                    self.put(column, row, color);
                }
            }
        }
    }

    /// From the left upper corner.
    pub(super) fn text(&mut self, (x, y): (f64, f64), text: &str, color: Color) {
        let mut left = x;
        for c in text.chars() {
            for (row, bits) in font::glyph(c).into_iter().enumerate() {
                for column in 0..font::WIDTH {
                    if bits >> (font::WIDTH - 1 - column) & 1 == 1 {
                        self.fill((left + f64::from(column), y + row as f64), (1.0, 1.0), color);
                    }
                }
            }
            left += f64::from(font::WIDTH + 1);
        }
    }

    pub(super) fn text_width(text: &str) -> f64 {
        f64::from(font::WIDTH + 1) * text.chars().count() as f64
    }

    fn put(&mut self, column: i32, row: i32, color: Color) {
        let inside = (0..self.width * SCALE).contains(&column) && (0..self.height * SCALE).contains(&row);
        if inside {
            self.pixels[(row * self.width * SCALE + column) as usize] = color;
        }
    }

    /// Three bytes a pixel, rows from the top.
    pub(super) fn pixels(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity((self.width * self.height * 3) as usize);
        for row in 0..self.height {
            for column in 0..self.width {
                out.extend(self.mean(column, row));
            }
        }
        out
    }

    fn mean(&self, column: i32, row: i32) -> [u8; 3] {
        let mut sums = [0_u32; 3];
        for y in row * SCALE..(row + 1) * SCALE {
            for x in column * SCALE..(column + 1) * SCALE {
                let Color(r, g, b) = self.pixels[(y * self.width * SCALE + x) as usize];
                for (sum, part) in sums.iter_mut().zip([r, g, b]) {
                    *sum += u32::from(part);
                }
            }
        }
        sums.map(|sum| (sum / (SCALE * SCALE) as u32) as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHITE: Color = Color(255, 255, 255);
    const BLACK: Color = Color(0, 0, 0);

    fn dark(canvas: &Canvas) -> Vec<(usize, usize)> {
        let pixels = canvas.pixels();
        let width = canvas.width as usize;
        let dark = |at: &usize| pixels[at * 3] < 128;
        (0..pixels.len() / 3).filter(dark).map(|at| (at % width, at / width)).collect()
    }

    #[test]
    fn boxes_lines_and_letters_land_where_they_should() {
        let mut canvas = Canvas::new(10, 4, WHITE);
        canvas.fill((1.0, 1.0), (2.0, 1.0), BLACK);
        assert_eq!(dark(&canvas), [(1, 1), (2, 1)]);
        let mut canvas = Canvas::new(10, 3, WHITE);
        canvas.line((0.0, 1.5), (10.0, 1.5), 1.0, BLACK);
        assert_eq!(dark(&canvas), (0..10).map(|x| (x, 1)).collect::<Vec<_>>());
        let mut canvas = Canvas::new(6, 8, WHITE);
        canvas.text((0.0, 0.0), "I", BLACK);
        assert_eq!(dark(&canvas).len(), 3 + 5 + 3);
    }

    #[test]
    fn what_is_outside_is_not_drawn() {
        let mut canvas = Canvas::new(4, 4, WHITE);
        canvas.line((-1e9, 2.0), (1e9, 2.0), 1.0, BLACK);
        canvas.fill((-5.0, -5.0), (2.0, 2.0), BLACK);
        canvas.text((3.0, 3.0), "long text", BLACK);
        assert_eq!(canvas.pixels().len(), 4 * 4 * 3);
    }
}
