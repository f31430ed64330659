//! Writing `prometheus.WriteRequest`: lines of one series that follow one another become one `TimeSeries`.

/// Field numbers of the messages, with the wire type of their only form.
const SERIES: u8 = 1 << 3 | 2;
const LABEL: u8 = 1 << 3 | 2;
const SAMPLE: u8 = 2 << 3 | 2;
const NAME: u8 = 1 << 3 | 2;
const VALUE: u8 = 2 << 3 | 2;
const SAMPLE_VALUE: u8 = 1 << 3 | 1;
const SAMPLE_TIME: u8 = 2 << 3;

#[derive(Default)]
pub(super) struct Series {
    request: Vec<u8>,
    /// What tells the series at hand from others.
    key: Vec<u8>,
    labels: Vec<u8>,
    samples: Vec<u8>,
    scratch: Vec<u8>,
}

impl Series {
    /// Whether samples that follow belong to the series with this key; if not its labels are to be given.
    pub(super) fn goes_on(&self, key: &[u8]) -> bool {
        !self.labels.is_empty() && self.key == key
    }

    pub(super) fn begin(&mut self, key: &[u8], pairs: &mut [(&str, &str)]) {
        self.end();
        self.key.extend_from_slice(key);
        pairs.sort_unstable();
        for (name, value) in pairs {
            self.scratch.clear();
            put_bytes(&mut self.scratch, NAME, name.as_bytes());
            put_bytes(&mut self.scratch, VALUE, value.as_bytes());
            put_bytes(&mut self.labels, LABEL, &self.scratch);
        }
    }

    pub(super) fn sample(&mut self, value: f64, time_ms: i64) {
        self.scratch.clear();
        self.scratch.push(SAMPLE_VALUE);
        self.scratch.extend_from_slice(&value.to_le_bytes());
        self.scratch.push(SAMPLE_TIME);
        put_varint(&mut self.scratch, time_ms as u64);
        put_bytes(&mut self.samples, SAMPLE, &self.scratch);
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.end();
        self.request
    }

    fn end(&mut self) {
        if !self.samples.is_empty() {
            self.request.push(SERIES);
            put_varint(&mut self.request, (self.labels.len() + self.samples.len()) as u64);
            self.request.extend_from_slice(&self.labels);
            self.request.extend_from_slice(&self.samples);
        }
        self.key.clear();
        self.labels.clear();
        self.samples.clear();
    }
}

fn put_bytes(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}
