import { type ReactNode, useEffect, useMemo, useRef } from 'react';
import { Empty, Failure, FailureLine, Rows } from '../../components/States';
import { dayText } from '../../lib/time';
import type { Message, Notifications } from '../../lib/signalbox';
import { useNotifications, useRules } from '../../state/queries';
import { useSearchAll, useSetSearch } from '../../state/search';
import { ChatMessage } from './ChatMessage';

const LIMIT = 200;

/** The demo chat room: what a team's channel shows when alerts are posted into it. Newest at the bottom, as in any chat. */
export default function ChatPage() {
  const { data, error, refetch } = useNotifications(LIMIT);
  const groups = useRules().data ?? [];
  const search = useSearchAll();
  const setSearch = useSetSearch();
  const names = useMemo(() => channelNames(data), [data]);
  const channel = search.channel ?? names[0] ?? '';
  const messages = useMemo(() => (data?.messages ?? []).filter((m) => m.channel === channel).sort((a, b) => a.at_ms - b.at_ms), [data, channel]);
  const retry = () => void refetch();
  return (
    <div className="chat">
      <nav className="chat-channels" aria-label="Channels">
        {names.map((name) => (
          <button key={name} type="button" data-active={name === channel} onClick={() => setSearch({ channel: name })}>
            # {name}
          </button>
        ))}
      </nav>
      <div className="chat-main">
        {data && error ? <FailureLine error={error} retry={retry} /> : null}
        {data ? (
          messages.length ? (
            <Messages messages={messages}>{(message) => <ChatMessage message={message} groups={groups} />}</Messages>
          ) : (
            <Empty title="The channel is quiet">Alerts are posted here when they fire and when they are over.</Empty>
          )
        ) : error ? (
          <Failure error={error} retry={retry} />
        ) : (
          <Rows count={6} height={80} />
        )}
      </div>
    </div>
  );
}

/** Rooms people read, and whatever else has messages; a webhook is no room. */
function channelNames(data: Notifications | undefined): string[] {
  const rooms = (data?.channels ?? []).filter((channel) => channel.receiver === 'chat').map((channel) => channel.name);
  return [...new Set([...rooms, ...(data?.messages ?? []).map((message) => message.channel)])];
}

/** Stays at the newest message, unless somebody scrolled up to read. */
function Messages({ messages, children }: { messages: readonly Message[]; children: (message: Message) => ReactNode }) {
  const box = useRef<HTMLDivElement>(null);
  const pinned = useRef(true);
  useEffect(() => {
    const list = box.current;
    if (list && pinned.current) list.scrollTop = list.scrollHeight;
  }, [messages.length]);
  return (
    <div
      ref={box}
      className="chat-list"
      role="log"
      aria-label="Messages"
      onScroll={(event) => {
        const list = event.currentTarget;
        pinned.current = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
      }}
    >
      {messages.map((message, i) => {
        const before = messages[i - 1];
        const newDay = !before || dayText(before.at_ms) !== dayText(message.at_ms);
        return (
          <div key={`${message.at_ms}/${i}`}>
            {newDay ? <div className="chat-day"><span>{dayText(message.at_ms)}</span></div> : null}
            {children(message)}
          </div>
        );
      })}
    </div>
  );
}
