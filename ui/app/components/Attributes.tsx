import { ActionIcon, Tooltip } from '@mantine/core';
import { safeHref } from '../lib/links';
import type { Term } from '../lib/logql';
import type { Attribute } from '../lib/trace';
import { ForeignLink } from './AppLink';
import { CopyButton } from './CopyButton';
import { Icon } from './Icon';

/** Key and value, with what one can do with a value. Values are other people's text: never markup. */
export function Attributes({ attributes, onTerm }: { attributes: readonly Attribute[]; onTerm?: (term: Term) => void }) {
  if (attributes.length === 0) return <p className="muted">None.</p>;
  return (
    <table className={onTerm ? 'attrs' : 'attrs attrs-plain'}>
      <tbody>
        {attributes.map(({ key, value }, i) => (
          <tr key={`${key}${i}`}>
            <td>{key}</td>
            <td>{/^https?:/i.test(value) && safeHref(value) ? <ForeignLink href={value}>{value}</ForeignLink> : value}</td>
            <td>
              {onTerm ? (
                <>
                  <Tooltip label="Only this value">
                    <ActionIcon size={20} aria-label={`Only ${key} with this value`} onClick={() => onTerm({ key, op: '=', value })}>
                      <Icon name="plus" size={12} />
                    </ActionIcon>
                  </Tooltip>
                  <Tooltip label="Without this value">
                    <ActionIcon size={20} aria-label={`Without ${key} of this value`} onClick={() => onTerm({ key, op: '!=', value })}>
                      <Icon name="minus" size={12} />
                    </ActionIcon>
                  </Tooltip>
                </>
              ) : null}
              <CopyButton text={value} label={`Copy ${key}`} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
