// A text that a regular expression takes, as short as can be: what a dashboard's selector wants to find.

/** `fallback` stands for whatever may be anything. Expressions of Go's syntax, as far as selectors use them. */
export function matching(pattern, fallback = 'x') {
  let at = 0;
  const peek = () => pattern[at];

  function alternatives() {
    const first = sequence();
    while (peek() === '|') {
      at += 1;
      const other = sequence();
      // An empty alternative would leave the label out.
      if (!first.text && other.text) first.text = other.text;
    }
    return first;
  }

  function sequence() {
    let text = '';
    while (at < pattern.length && peek() !== '|' && peek() !== ')') {
      const one = atom();
      const [least, any] = quantifier();
      text += any && one.any ? fallback : one.text.repeat(least);
    }
    return { text };
  }

  function atom() {
    const c = pattern[at];
    at += 1;
    if (c === '(') {
      if (pattern.startsWith('?:', at)) at += 2;
      else if (/^\?P?<\w+>/.test(pattern.slice(at))) at += /^\?P?<\w+>/.exec(pattern.slice(at))[0].length;
      else if (/^\?[a-zA-Z]+\)/.test(pattern.slice(at))) {
        at += /^\?[a-zA-Z]+\)/.exec(pattern.slice(at))[0].length;
        return { text: '' };
      }
      const inner = alternatives();
      at += 1;
      return inner;
    }
    if (c === '[') return set();
    if (c === '.') return { text: 'x', any: true };
    if (c === '^' || c === '$') return { text: '' };
    if (c === '\\') return escaped();
    return { text: c };
  }

  function set() {
    const end = pattern.indexOf(']', at + (pattern[at] === ']' || pattern.startsWith('^]', at) ? 2 : 0));
    const inside = pattern.slice(at, end);
    at = end + 1;
    if (!inside.startsWith('^')) return { text: inside[0] === '\\' ? classOf(inside[1]) : inside.startsWith('[:') ? 'a' : inside[0] };
    const free = [...'xyzabc0123'].find((c) => !new RegExp(`[${inside.slice(1)}]`).test(c)) ?? 'x';
    return { text: free, any: free === 'x' };
  }

  function escaped() {
    const c = pattern[at];
    at += 1;
    return { text: classOf(c) };
  }

  function quantifier() {
    const c = peek();
    let least = 1;
    let any = false;
    if (c === '?' || c === '*') [least, any] = [0, c === '*'];
    else if (c === '+') any = true;
    else if (c === '{' && /^\{\d+(,\d*)?\}/.test(pattern.slice(at))) {
      const text = /^\{(\d+)(,\d*)?\}/.exec(pattern.slice(at));
      at += text[0].length;
      if (peek() === '?') at += 1;
      return [Number(text[1]), false];
    } else return [1, false];
    at += 1;
    if (peek() === '?') at += 1;
    return [least, any];
  }

  return alternatives().text;
}

const classOf = (c) => ({ d: '1', w: 'x', s: ' ', D: 'x', W: '-', S: 'x', b: '', B: '' })[c] ?? c;
