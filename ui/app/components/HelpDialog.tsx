import { Kbd, Modal } from '@mantine/core';
import { PAGES } from '../pages';

const KEYS: readonly [string, string][] = [
  ['Ctrl-K', 'Commands: go anywhere, search, set the time'],
  ['/', 'Go to the search box'],
  ['↑ ↓', 'Move in a list (also j and k)'],
  ['Enter', 'Open what is selected'],
  ['Esc', 'Close, or leave the search box'],
  ['r', 'Refresh now'],
  ['[ ]', 'Half a time range back or on'],
  ['-', 'Twice the time range'],
  ['?', 'This help'],
];

export function HelpDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="Keyboard" size="md">
      <table className="help">
        <tbody>
          {KEYS.map(([key, text]) => (
            <tr key={key}>
              <td>
                <Kbd size="sm">{key}</Kbd>
              </td>
              <td>{text}</td>
            </tr>
          ))}
          {PAGES.filter((page) => page.shortcut).map((page) => (
            <tr key={page.key}>
              <td>
                <Kbd size="sm">g</Kbd> <Kbd size="sm">{page.shortcut}</Kbd>
              </td>
              <td>{page.title}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Modal>
  );
}
