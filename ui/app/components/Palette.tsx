import { Modal, TextInput, useMantineColorScheme } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import * as dashboards from '../lib/dashboards';
import { type Command, rankCommands } from '../lib/palette';
import { PRESETS } from '../lib/time';
import { asTraceId } from '../lib/traceql';
import { PAGES } from '../pages';
import { useServiceNames } from '../state/queries';
import { useRange } from '../state/range';
import { useGo } from '../state/search';

/** Everything one can go to or do, by typing a part of its name. */
export default function Palette({ onClose }: { onClose: () => void }) {
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const commands = useCommands();
  const go = useGo();
  const shown = useMemo(() => {
    const typed = text.trim();
    const id = asTraceId(typed);
    const searches: Command[] = typed
      ? [
          ...(id ? [{ id: 'trace', title: `Open trace ${id}`, group: 'Trace', run: () => go(`/trace/${id}`) }] : []),
          { id: 'logs', title: `Search logs for “${typed}”`, group: 'Search', run: () => go('/logs', { text: typed }) },
        ]
      : [];
    const ranked = rankCommands(commands, typed);
    return id ? [...searches, ...ranked] : [...ranked, ...searches];
  }, [commands, text, go]);
  const run = (command: Command | undefined) => {
    if (!command) return;
    onClose();
    command.run();
  };
  const move = (to: number) => {
    const next = Math.max(0, Math.min(shown.length - 1, to));
    setAt(next);
    document.getElementById(`command-${next}`)?.scrollIntoView({ block: 'nearest' });
  };
  return (
    <Modal opened onClose={onClose} withCloseButton={false} size="lg" padding={0} yOffset="12vh" centered={false} aria-label="Commands">
      <TextInput
        size="md"
        placeholder="Go to a page, a service, a dashboard; search; set the time"
        aria-label="Command"
        role="combobox"
        aria-expanded="true"
        aria-controls="commands"
        aria-activedescendant={`command-${at}`}
        value={text}
        data-autofocus
        spellCheck={false}
        autoComplete="off"
        onChange={(event) => {
          setText(event.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={(event) => {
          if (event.key === 'ArrowDown') move(at + 1);
          else if (event.key === 'ArrowUp') move(at - 1);
          else if (event.key === 'Enter') run(shown[at]);
          else return;
          event.preventDefault();
        }}
      />
      <ul className="commands" id="commands" role="listbox" aria-label="Commands">
        {shown.map((command, i) => (
          <li key={command.id} id={`command-${i}`} role="option" aria-selected={i === at} onClick={() => run(command)} onPointerMove={() => setAt(i)}>
            <span className="clip">{command.title}</span>
            <span className="faint">{command.hint ?? command.group}</span>
          </li>
        ))}
      </ul>
    </Modal>
  );
}

function useCommands(): Command[] {
  const go = useGo();
  const { setRange, bump } = useRange();
  const { setColorScheme } = useMantineColorScheme();
  const names = useServiceNames();
  const known = useQuery({ queryKey: ['dashboards'], queryFn: ({ signal }) => dashboards.list(signal), staleTime: 10_000 }).data;
  return useMemo(
    () => [
      ...PAGES.filter((page) => page.shortcut).map((page): Command => ({ id: `page/${page.key}`, title: page.title, group: 'Page', hint: `g ${page.shortcut ?? ''}`, run: () => go(page.path) })),
      ...names.map((name): Command => ({ id: `service/${name}`, title: name, group: 'Service', run: () => go(`/service/${encodeURIComponent(name)}`) })),
      ...names.map((name): Command => ({ id: `service-logs/${name}`, title: `Logs of ${name}`, group: 'Logs', run: () => go('/logs', { service: name }) })),
      ...(known ?? []).map((one): Command => ({ id: `dashboard/${one.uid}`, title: one.title, group: 'Dashboard', run: () => go(`/dashboards/${one.uid}`, { from: '', to: '' }) })),
      { id: 'import', title: 'Import a dashboard', group: 'Dashboard', run: () => go('/dashboards', { import: '1' }) },
      ...PRESETS.map((preset): Command => ({ id: `time/${preset.from}`, title: preset.label, group: 'Time', run: () => setRange({ from: preset.from, to: 'now' }) })),
      { id: 'refresh', title: 'Refresh now', group: 'Time', hint: 'r', run: bump },
      { id: 'tail', title: 'Follow new log lines', group: 'Logs', run: () => go('/logs', { tail: '1' }) },
      ...(['light', 'dark', 'auto'] as const).map((scheme): Command => ({ id: `scheme/${scheme}`, title: `Colours: ${scheme === 'auto' ? 'as the system' : scheme}`, group: 'Look', run: () => setColorScheme(scheme) })),
      { id: 'link', title: 'Copy the link of this view', group: 'Share', run: () => void navigator.clipboard?.writeText(location.href) },
    ],
    [go, names, known, setRange, bump, setColorScheme],
  );
}
