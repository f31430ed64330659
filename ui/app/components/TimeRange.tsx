import { Button, Popover, TextInput } from '@mantine/core';
import { useState } from 'react';
import { PRESETS, type Range, dateTime, describe, instant, isValid, resolve } from '../lib/time';
import { useRange } from '../state/range';
import { Icon } from './Icon';

export function TimeRange() {
  const { range, setRange } = useRange();
  const [opened, setOpened] = useState(false);
  const choose = (next: Range) => {
    setRange(next);
    setOpened(false);
  };
  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-end" shadow="md" trapFocus>
      <Popover.Target>
        <Button variant="default" leftSection={<Icon name="clock" size={14} />} onClick={() => setOpened((open) => !open)} aria-label={`Time range: ${describe(range)}`} fw={500}>
          {describe(range)}
        </Button>
      </Popover.Target>
      <Popover.Dropdown p={0}>{opened ? <Chooser range={range} choose={choose} /> : null}</Popover.Dropdown>
    </Popover>
  );
}

function Chooser({ range, choose }: { range: Range; choose: (range: Range) => void }) {
  const { window } = useRange();
  const [from, setFrom] = useState(() => editable(range.from, window.startMs));
  const [to, setTo] = useState(() => editable(range.to, window.endMs));
  const valid = isValid({ from, to }, Date.now());
  const shift = (by: number) => {
    const { startMs, endMs } = resolve(range, Date.now());
    const size = endMs - startMs;
    choose({ from: String(Math.round(startMs + by * size)), to: String(Math.round(endMs + by * size)) });
  };
  return (
    <div className="range">
      <div className="range-presets">
        {PRESETS.map((preset) => (
          <button key={preset.from} type="button" data-active={preset.from === range.from && range.to === 'now'} onClick={() => choose({ from: preset.from, to: 'now' })}>
            {preset.label}
          </button>
        ))}
      </div>
      <form
        className="range-custom"
        onSubmit={(event) => {
          event.preventDefault();
          if (valid) choose({ from: absolute(from), to: absolute(to) });
        }}
      >
        <TextInput label="From" value={from} onChange={(e) => setFrom(e.currentTarget.value)} spellCheck={false} />
        <TextInput label="To" value={to} onChange={(e) => setTo(e.currentTarget.value)} spellCheck={false} error={valid ? undefined : 'from must be a time before to'} />
        <p className="muted">
          <code>now-2h</code>, <code>2026-11-23 22:10</code> or unix milliseconds, in this browser’s time zone.
        </p>
        <Button type="submit" disabled={!valid}>
          Apply
        </Button>
        <div className="range-shift">
          <Button variant="default" onClick={() => shift(-0.5)}>
            ← Half back
          </Button>
          <Button variant="default" onClick={() => shift(0.5)}>
            Half on →
          </Button>
        </div>
      </form>
    </div>
  );
}

function editable(text: string, ms: number): string {
  return text.startsWith('now') ? text : dateTime(ms);
}

/** A link must mean the same instant in another time zone. */
function absolute(text: string): string {
  const given = text.trim();
  return given.startsWith('now') ? given : String(instant(given, 0) ?? given);
}
