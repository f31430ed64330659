// What a screen reader or weak eyes would stumble over, found in the page itself: things without a name, text too faint for its
// ground, regions that scroll but cannot be reached by keyboard, ids that stand twice.

/** The serious findings, each with the element it is about. */
export function accessibility(page) {
  return page.evaluate(() => {
    const found = [];
    const about = (element) => `${element.tagName.toLowerCase()}${typeof element.className === 'string' && element.className ? `.${element.className.split(' ')[0]}` : ''} "${(element.textContent ?? '').trim().slice(0, 40)}"`;
    const shown = (element) => element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }) && element.getBoundingClientRect().width > 1;
    const named = (element) => {
      const by = (element.getAttribute('aria-labelledby') ?? '').split(' ').map((id) => document.getElementById(id)?.textContent ?? '').join('');
      const label = element.id ? document.querySelector(`label[for="${CSS.escape(element.id)}"]`)?.textContent : '';
      return [element.getAttribute('aria-label'), by, label, element.closest('label')?.textContent, element.getAttribute('title'), element.textContent].some((text) => text?.trim());
    };
    if (!document.documentElement.lang) found.push('the document has no language');
    if (!document.title) found.push('the document has no title');
    for (const element of document.querySelectorAll('button, a[href], input, select, textarea, [role="button"], [role="combobox"], [role="dialog"], [role="img"], svg[role]')) {
      if (element.type === 'hidden' || element.closest('[aria-hidden="true"]') || !shown(element)) continue;
      if (!named(element)) found.push(`no name: ${about(element)}`);
    }
    const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
    for (const id of new Set(ids.filter((one, i) => ids.indexOf(one) !== i))) if (!/^arrow-/.test(id)) found.push(`the id ${id} stands twice`);
    for (const box of document.querySelectorAll('*')) {
      const style = getComputedStyle(box);
      if (!/auto|scroll/.test(style.overflowY) || box.scrollHeight <= box.clientHeight + 2 || !shown(box)) continue;
      if (box.tabIndex < 0 && !box.querySelector('a[href], button, input, select, textarea, [tabindex]')) found.push(`scrolls, but not by keyboard: ${about(box)}`);
    }
    const rgb = (text) => {
      const parts = text.match(/[\d.]+/g)?.map(Number) ?? [];
      return text.startsWith('color(srgb') ? [parts[0] * 255, parts[1] * 255, parts[2] * 255, parts[3] ?? 1] : [parts[0] ?? 0, parts[1] ?? 0, parts[2] ?? 0, parts[3] ?? 1];
    };
    const over = (top, below) => top.slice(0, 3).map((c, i) => c * top[3] + below[i] * (1 - top[3]));
    const light = (c) => [0.2126, 0.7152, 0.0722].reduce((sum, part, i) => sum + part * (c[i] / 255 <= 0.03928 ? c[i] / 255 / 12.92 : ((c[i] / 255 + 0.055) / 1.055) ** 2.4), 0);
    const ground = (element) => {
      const stack = [];
      for (let at = element; at; at = at.parentElement) {
        const color = rgb(getComputedStyle(at).backgroundColor);
        if (color[3] > 0) stack.push(color);
        if (color[3] === 1) break;
      }
      return stack.reverse().reduce((below, color) => over(color, below), [255, 255, 255]);
    };
    const seen = new Set();
    for (const element of document.querySelectorAll('body *')) {
      const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
      // Disabled controls and what is not for reading are exempt, and pictures: their text is in their label.
      if (!text || !shown(element) || element.closest('[disabled], [data-disabled], [aria-hidden="true"], svg, .viz-stat, .viz-cell, .viz-bar, .cm-placeholder, [data-hidden], [data-faded]')) continue;
      const style = getComputedStyle(element);
      const below = ground(element);
      const [a, b] = [light(over(rgb(style.color), below)), light(below)];
      const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
      const key = `${style.color}/${below.map(Math.round).join()}`;
      if (contrast < (large ? 3 : 4.5) && !seen.has(key)) {
        seen.add(key);
        found.push(`contrast ${contrast.toFixed(2)} of ${style.color} on rgb(${below.map(Math.round).join(', ')}): ${about(element)}`);
      }
    }
    return found;
  });
}
