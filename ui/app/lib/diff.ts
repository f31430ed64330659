/** Lines that came, went, or stayed; long stretches that stayed are left out. */

export type DiffLine = { sign: '+' | '-' | ' '; text: string };

const CONTEXT = 3;
/** Above this the search for the shortest difference is given up: the middle counts as replaced. */
const CELLS_MAX = 4_000_000;

export function diffLines(before: readonly string[], after: readonly string[]): DiffLine[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  let end = 0;
  while (end < before.length - start && end < after.length - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end += 1;
  const a = before.slice(start, before.length - end);
  const b = after.slice(start, after.length - end);
  const middle = a.length * b.length > CELLS_MAX ? replaced(a, b) : shortest(a, b);
  const all: DiffLine[] = [...before.slice(0, start).map(same), ...middle, ...before.slice(before.length - end).map(same)];
  return shortened(all);
}

const same = (text: string): DiffLine => ({ sign: ' ', text });

function replaced(a: readonly string[], b: readonly string[]): DiffLine[] {
  return [...a.map((text): DiffLine => ({ sign: '-', text })), ...b.map((text): DiffLine => ({ sign: '+', text }))];
}

/** By the longest common subsequence. */
function shortest(a: readonly string[], b: readonly string[]): DiffLine[] {
  const width = b.length + 1;
  const table = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      table[i * width + j] = a[i] === b[j] ? (table[(i + 1) * width + j + 1] ?? 0) + 1 : Math.max(table[(i + 1) * width + j] ?? 0, table[i * width + j + 1] ?? 0);
    }
  }
  const out: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      out.push(same(a[i] ?? ''));
      i += 1;
      j += 1;
    } else if ((table[(i + 1) * width + j] ?? 0) >= (table[i * width + j + 1] ?? 0)) {
      out.push({ sign: '-', text: a[i] ?? '' });
      i += 1;
    } else {
      out.push({ sign: '+', text: b[j] ?? '' });
      j += 1;
    }
  }
  return [...out, ...replaced(a.slice(i), b.slice(j))];
}

function shortened(all: readonly DiffLine[]): DiffLine[] {
  const near = (i: number) => all.slice(Math.max(0, i - CONTEXT), i + CONTEXT + 1).some((line) => line.sign !== ' ');
  const out: DiffLine[] = [];
  all.forEach((line, i) => {
    if (near(i)) out.push(line);
    else if (out.at(-1)?.text !== '…') out.push({ sign: ' ', text: '…' });
  });
  return out;
}
