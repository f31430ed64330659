/** What the command palette offers, and in which order for what is typed. */

export type Command = { id: string; title: string; group: string; hint?: string; run: () => void };

const SHOWN_MAX = 40;

/** All words must occur; a title that begins with what is typed comes first, then one with a word that does. */
export function rankCommands(commands: readonly Command[], text: string): Command[] {
  const typed = text.trim().toLowerCase();
  const words = typed.split(/\s+/).filter(Boolean);
  if (words.length === 0) return commands.slice(0, SHOWN_MAX);
  const scored = commands.flatMap((command, at) => {
    const title = command.title.toLowerCase();
    const said = `${title} ${command.group.toLowerCase()} ${(command.hint ?? '').toLowerCase()}`;
    if (!words.every((word) => said.includes(word))) return [];
    const score = title === typed ? 0 : title.startsWith(typed) ? 1 : title.split(/[\s/:-]+/).some((word) => word.startsWith(typed)) ? 2 : words.every((word) => title.includes(word)) ? 3 : 4;
    return [{ command, score, at }];
  });
  return scored.sort((a, b) => a.score - b.score || a.at - b.at).slice(0, SHOWN_MAX).map((one) => one.command);
}
