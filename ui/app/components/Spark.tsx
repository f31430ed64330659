/** A word-sized line: the shape of the rate, with the errors below it. */
const WIDTH = 120;
const HEIGHT = 22;

export function Spark({ values, errors, label }: { values: readonly number[]; errors?: readonly number[] | undefined; label: string }) {
  const top = Math.max(...values, 0);
  if (values.length < 2 || top <= 0) return <svg className="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true" />;
  const step = WIDTH / values.length;
  const y = (value: number) => HEIGHT - 1.5 - (Math.max(0, value) / top) * (HEIGHT - 4);
  const points = values.map((value, i) => `${((i + 0.5) * step).toFixed(1)},${y(value).toFixed(1)}`);
  return (
    <svg className="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <polygon points={`${(step / 2).toFixed(1)},${HEIGHT} ${points.join(' ')} ${(WIDTH - step / 2).toFixed(1)},${HEIGHT}`} fill="var(--accent)" opacity={0.12} />
      <polyline points={points.join(' ')} fill="none" stroke="var(--accent)" strokeWidth={1.3} vectorEffect="non-scaling-stroke" strokeLinejoin="round" />
      {(errors ?? []).map((value, i) =>
        value > 0 ? <rect key={i} x={i * step + step * 0.15} width={step * 0.7} y={y(value)} height={HEIGHT - y(value)} fill="var(--bar-error)" /> : null,
      )}
    </svg>
  );
}
