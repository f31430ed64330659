import { type PointerEvent, useState } from 'react';

/** Less than this is a click. */
const DRAG_MIN_PX = 5;

type Span = { from: number; to: number };

/** Dragging over a picture chooses a part of its width, told as shares from 0 to 1. */
export function useBrush(width: number, onChoose: (from: number, to: number) => void, left = 0) {
  const [span, setSpan] = useState<Span>();
  const at = (event: PointerEvent<SVGSVGElement>) => event.clientX - event.currentTarget.getBoundingClientRect().left - left;
  const handlers = {
    onPointerDown: (event: PointerEvent<SVGSVGElement>) => {
      if (event.button === 0) setSpan({ from: at(event), to: at(event) });
    },
    onPointerMove: (event: PointerEvent<SVGSVGElement>) => {
      if (!span) return;
      const to = at(event);
      if (event.buttons === 0) setSpan(undefined);
      else setSpan({ ...span, to });
      // From here on it is a drag: what lies below must not take the click.
      if (Math.abs(to - span.from) >= DRAG_MIN_PX && !event.currentTarget.hasPointerCapture(event.pointerId)) event.currentTarget.setPointerCapture(event.pointerId);
    },
    onPointerUp: () => {
      if (span && Math.abs(span.to - span.from) >= DRAG_MIN_PX && width > 0) {
        const share = (x: number) => Math.min(1, Math.max(0, x / width));
        onChoose(share(Math.min(span.from, span.to)), share(Math.max(span.from, span.to)));
      }
      setSpan(undefined);
    },
    onPointerCancel: () => setSpan(undefined),
  };
  const wide = span ? Math.abs(span.to - span.from) : 0;
  return { handlers, shown: span && wide >= DRAG_MIN_PX ? { x: left + Math.min(span.from, span.to), width: wide } : undefined };
}
