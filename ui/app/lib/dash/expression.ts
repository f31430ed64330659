/** Grafana's server-side expressions over the answers of other queries: math, reduce, resample, threshold. */
import { compare } from './config';
import { type Cell, type Field, type Frame, field, frame, numberFields, timeField } from './frames';
import { type Json, num, obj, objs, str } from './json';
import { reduceField } from './reduce';

/** Frames of other queries by their letter. */
export type Inputs = ReadonlyMap<string, readonly Frame[]>;

export function evaluate(target: Json, inputs: Inputs): Frame[] {
  const ref = str(target.refId);
  const source = inputs.get(str(target.expression).replace(/^\$\{?|\}$/g, '')) ?? [];
  switch (str(target.type)) {
    case 'math':
      return math(ref, str(target.expression), inputs);
    case 'reduce':
      return source.flatMap((one) => numberFields(one).map((given) => single(ref, given, reduced(given, target))));
    case 'resample':
      return source.map((one) => ({ ...one, refId: ref }));
    case 'threshold': {
      const { type, params } = obj(obj(objs(target.conditions)[0]).evaluator);
      const [low = 0, high = 0] = (Array.isArray(params) ? params : []).map((one) => num(one) ?? 0);
      const holds = (value: number) => (type === 'within_range' ? value > low && value < high : type === 'outside_range' ? value < low || value > high : compare(value, str(type), low));
      return source.map((one) => mapFrame(ref, one, (value) => (value === null ? null : Number(holds(value)))));
    }
    default:
      throw new Error(`expressions of the kind ${str(target.type) || 'unknown'} are not supported`);
  }
}

function reduced(given: Field, target: Json): Cell {
  const mode = str(obj(target.settings).mode);
  const values = given.values.map((value) => (value === null || Number.isNaN(value) ? (mode === 'replaceNN' ? (num(obj(target.settings).replaceWithValue) ?? 0) : value) : value));
  const reducer = { last: 'last', mean: 'mean', min: 'min', max: 'max', sum: 'sum', count: 'count', median: 'median' }[str(target.reducer)] ?? 'lastNotNull';
  return reduceField({ ...given, values }, mode === 'dropNN' && reducer === 'last' ? 'lastNotNull' : reducer);
}

function single(ref: string, given: Field, value: Cell): Frame {
  return frame(ref, given.legend ?? given.name, [{ ...given, values: [value] }]);
}

function mapFrame(ref: string, one: Frame, apply: (value: number | null) => number | null): Frame {
  return { ...one, refId: ref, fields: one.fields.map((given) => (given.type === 'number' ? { ...given, values: given.values.map((value) => apply(typeof value === 'number' ? value : null)) } : given)) };
}

// === math ===

type Node = { kind: 'number'; value: number } | { kind: 'ref'; name: string } | { kind: 'call'; name: string; args: Node[] } | { kind: 'unary'; op: string; of: Node } | { kind: 'binary'; op: string; left: Node; right: Node };

const LEVELS: readonly (readonly string[])[] = [['||'], ['&&'], ['==', '!=', '>=', '<=', '>', '<'], ['+', '-'], ['*', '/', '%'], ['**']];
const FUNCTIONS: Record<string, (value: number) => number> = { abs: Math.abs, log: Math.log, round: Math.round, ceil: Math.ceil, floor: Math.floor, is_nan: (v) => Number(Number.isNaN(v)), is_inf: (v) => Number(v === Infinity || v === -Infinity), is_number: (v) => Number(Number.isFinite(v)), is_null: () => 0 };
const CONSTANTS: Record<string, number> = { nan: NaN, inf: Infinity, infn: -Infinity, null: NaN };
const DEPTH_MAX = 100;

export function parseMath(text: string): Node {
  const tokens = [...text.matchAll(/\s*(\$\{([^}]+)\}|\$(\w+)|\d+(?:\.\d+)?(?:e[+-]?\d+)?|\*\*|[|]{2}|&&|[=!<>]=|[-+*/%()<>!,]|\w+|\S)/gi)].map((match) => match[1] ?? '');
  let at = 0;
  const fail = (what: string): never => {
    throw new Error(`the expression is not valid: ${what}`);
  };
  const level = (n: number, depth: number): Node => {
    if (depth > DEPTH_MAX) fail('it is nested too deeply');
    const operators = LEVELS[n];
    if (!operators) return unary(depth + 1);
    let left = level(n + 1, depth + 1);
    while (operators.includes(tokens[at] ?? '')) {
      const op = tokens[at] ?? '';
      at += 1;
      left = { kind: 'binary', op, left, right: level(op === '**' ? n : n + 1, depth + 1) };
    }
    return left;
  };
  const unary = (depth: number): Node => {
    const token = tokens[at] ?? fail('it ends too early');
    at += 1;
    if (token === '-' || token === '!') return { kind: 'unary', op: token, of: unary(depth + 1) };
    if (token === '(') {
      const inner = level(0, depth + 1);
      if (tokens[at] !== ')') fail('a ) is missing');
      at += 1;
      return inner;
    }
    if (token.startsWith('$')) return { kind: 'ref', name: token.replace(/^\$\{?|\}$/g, '') };
    if (/^\d/.test(token)) return { kind: 'number', value: Number(token) };
    if (!/^\w+$/.test(token) || tokens[at] !== '(') return fail(`${token} is not expected here`);
    at += 1;
    const args: Node[] = [];
    while (tokens[at] !== ')') {
      args.push(level(0, depth + 1));
      if (tokens[at] === ',') at += 1;
      else if (tokens[at] !== ')') fail('a ) is missing');
    }
    at += 1;
    if (!(token in FUNCTIONS) && !(token in CONSTANTS)) fail(`there is no function ${token}`);
    return { kind: 'call', name: token, args };
  };
  const parsed = level(0, 0);
  if (at < tokens.length) fail(`${tokens[at] ?? ''} is not expected here`);
  return parsed;
}

/** A number, or series each with their labels. */
type Result = number | readonly Frame[];

function math(ref: string, text: string, inputs: Inputs): Frame[] {
  const result = run(parseMath(text), inputs);
  if (typeof result === 'number') return [frame(ref, ref, [field('Value', 'number', [result])])];
  return result.map((one) => ({ ...one, refId: ref, fields: one.fields.map((given) => (given.type === 'number' && !given.labels ? { ...given, legend: ref } : given)) }));
}

function run(node: Node, inputs: Inputs): Result {
  switch (node.kind) {
    case 'number':
      return node.value;
    case 'ref':
      return inputs.get(node.name) ?? [];
    case 'unary':
      return each(run(node.of, inputs), (value) => (node.op === '-' ? -value : Number(!value)));
    case 'call': {
      const constant = CONSTANTS[node.name];
      const [first] = node.args;
      if (constant !== undefined || !first) return constant ?? NaN;
      return each(run(first, inputs), FUNCTIONS[node.name] ?? ((value) => value));
    }
    default:
      return both(run(node.left, inputs), run(node.right, inputs), (a, b) => operate(node.op, a, b));
  }
}

function operate(op: string, a: number, b: number): number {
  switch (op) {
    case '+': return a + b;
    case '-': return a - b;
    case '*': return a * b;
    case '/': return a / b;
    case '%': return a % b;
    case '**': return a ** b;
    case '&&': return Number(Boolean(a) && Boolean(b));
    case '||': return Number(Boolean(a) || Boolean(b));
    default: return Number(compare(a, op === '==' ? '=' : op, b));
  }
}

function each(given: Result, apply: (value: number) => number): Result {
  if (typeof given === 'number') return apply(given);
  return given.map((one) => mapFrame(one.refId, one, (value) => (value === null ? null : apply(value))));
}

/** Series meet by their labels; one series without labels meets all. */
function both(left: Result, right: Result, apply: (a: number, b: number) => number): Result {
  if (typeof left === 'number' && typeof right === 'number') return apply(left, right);
  if (typeof right === 'number') return each(left, (value) => apply(value, right));
  if (typeof left === 'number') return each(right, (value) => apply(left, value));
  const labels = (one: Frame) => numberFields(one)[0]?.labels ?? {};
  const within = (small: Frame, large: Frame) => Object.entries(labels(small)).every(([key, value]) => labels(large)[key] === value);
  return left.flatMap((a) => right.filter((b) => (left.length === 1 && right.length === 1) || within(a, b) || within(b, a)).map((b) => combine(a, b, apply)));
}

function combine(a: Frame, b: Frame, apply: (a: number, b: number) => number): Frame {
  const [x, y] = [numberFields(a)[0], numberFields(b)[0]];
  if (!x || !y) return a;
  const [base, other] = timeField(a) || !timeField(b) ? [a, b] : [b, a];
  const times = timeField(base)?.values ?? [];
  const otherTimes = new Map((timeField(other)?.values ?? []).map((value, row) => [value, row]));
  const valueAt = (owner: Frame, given: Field, row: number) => (owner === base ? given.values[row] : otherTimes.size ? given.values[otherTimes.get(times[row] ?? null) ?? -1] : given.values[0]);
  const values = Array.from({ length: base.length }, (_, row): Cell => {
    const [p, q] = [valueAt(a, x, row), valueAt(b, y, row)];
    return typeof p === 'number' && typeof q === 'number' ? apply(p, q) : null;
  });
  const labels = Object.keys(x.labels ?? {}).length >= Object.keys(y.labels ?? {}).length ? x.labels : y.labels;
  return { ...base, fields: base.fields.map((given) => (given.type === 'number' ? { ...field('Value', 'number', values), ...(labels ? { labels } : {}) } : given)) };
}
