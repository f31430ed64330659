import type { Labels } from '../lib/prom';

export function LabelChips({ labels, without = [] }: { labels: Labels; without?: readonly string[] }) {
  const pairs = Object.entries(labels).filter(([key]) => !without.includes(key));
  if (pairs.length === 0) return null;
  return (
    <span className="chips">
      {pairs.map(([key, value]) => (
        <span className="chip" key={key} title={`${key}=${value}`}>
          <b>{key}</b>=<span className="clip">{value}</span>
        </span>
      ))}
    </span>
  );
}
