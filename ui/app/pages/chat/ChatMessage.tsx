import { AlertLinks } from '../../components/AlertLinks';
import { ForeignLink } from '../../components/AppLink';
import { Logo } from '../../components/Icon';
import { LabelChips } from '../../components/LabelChips';
import { StatePill } from '../../components/Pills';
import { alertLinks, ruleOf } from '../../lib/alerts';
import { safeHref } from '../../lib/links';
import type { Labels, RuleGroup } from '../../lib/prom';
import type { Message } from '../../lib/signalbox';
import { clock, dateTime } from '../../lib/time';
import { MessageText } from './MessageText';

/** Links every message has anyway; the sender's own only if they lead elsewhere. */
const OWN_LINKS = ['logs', 'traces', 'metrics'];
/** Pages that ask before they do something. */
const ACTION_PATH = '/api/signalbox/evidence/action';

/** A link to this very server says less than the three every message has. */
function isOwn(href: string): boolean {
  return URL.canParse(href) && new URL(href).origin === window.location.origin;
}

/** A rule's annotations may be templates; those say nothing until the rule fires. */
function written(annotations: Labels): Labels {
  return Object.fromEntries(Object.entries(annotations).filter(([, text]) => !text.includes('{{')));
}

/** Chat knows only text: what a message does not carry, its rule may. */
function links(message: Message, groups: readonly RuleGroup[]) {
  const rule = ruleOf(groups, message.labels.alertname, message.title);
  const about = {
    labels: { ...(rule ? { alertname: rule.name } : {}), ...rule?.labels, ...message.labels },
    annotations: { ...written(rule?.annotations ?? {}), ...message.annotations },
  };
  return alertLinks(about, message.at_ms, rule?.query);
}

export function ChatMessage({ message, groups }: { message: Message; groups: readonly RuleGroup[] }) {
  const foreign = Object.entries(message.links ?? {}).filter(([name, href]) => !OWN_LINKS.includes(name) && /^https?:/i.test(href) && safeHref(href) && !isOwn(href));
  const actions = Object.entries(message.links ?? {}).filter(([, href]) => isOwn(href) && new URL(href).pathname === ACTION_PATH);
  return (
    <article className="message" data-status={message.status}>
      <span className="avatar"><Logo size={22} /></span>
      <div className="message-main">
        <header>
          <b>Signalbox</b> <time className="faint" title={dateTime(message.at_ms)}>{clock(message.at_ms)}</time>
        </header>
        <div className="attachment" data-status={message.status}>
          <div className="message-title">
            <StatePill state={message.status} /> <b>{message.title}</b>
          </div>
          {message.text ? <MessageText text={message.text} links={message.links ?? {}} /> : null}
          <LabelChips labels={message.labels} without={['alertname']} />
          <div className="message-links">
            <AlertLinks links={links(message, groups)} />
            {actions.map(([name, href]) => (
              <ForeignLink key={name} href={href}>{name}</ForeignLink>
            ))}
            {foreign.map(([name, href]) => (
              <ForeignLink key={name} href={href}>{name}</ForeignLink>
            ))}
          </div>
        </div>
      </div>
    </article>
  );
}
