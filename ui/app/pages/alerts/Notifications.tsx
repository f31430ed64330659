import { AppLink } from '../../components/AppLink';
import { Panel } from '../../components/Panel';
import { StatePill } from '../../components/Pills';
import { Empty, Failure, Rows } from '../../components/States';
import { count } from '../../lib/format';
import { serviceOf } from '../../lib/links';
import { dateTime } from '../../lib/time';
import { useNotifications } from '../../state/queries';

const SHOWN = 20;

/** What was sent, and where messages wait or were given up. */
export function Notifications() {
  const { data, error, refetch } = useNotifications(SHOWN);
  return (
    <Panel title="Notifications" side={<AppLink to="/chat">Chat</AppLink>}>
      {data ? (
        <>
          {data.channels.length ? (
            <div className="channels">
              {data.channels.map((channel) => (
                <span key={`${channel.receiver}/${channel.name}`}>
                  <b>{channel.name}</b> <span className="muted">{channel.receiver}</span>
                  {channel.pending ? <span className="pill" data-tone="pending">{count(channel.pending)} waiting</span> : null}
                  {channel.failed ? <span className="pill" data-tone="firing">{count(channel.failed)} given up</span> : null}
                </span>
              ))}
            </div>
          ) : null}
          {data.messages.length === 0 ? (
            <Empty title="Nothing was sent yet">Alerts that fire are sent to the receivers of the alertmanager file.</Empty>
          ) : (
            <table className="table">
              <tbody>
                {data.messages.slice(0, SHOWN).map((message, i) => (
                  <tr key={`${message.at_ms}/${i}`}>
                    <td className="mono muted clip" style={{ width: 168 }}>{dateTime(message.at_ms)}</td>
                    <td style={{ width: 116 }}><StatePill state={message.status} /></td>
                    <td className="clip">{message.title}</td>
                    <td className="clip muted" style={{ width: '18%' }}>{serviceOf(message.labels)}</td>
                    <td className="clip muted" style={{ width: '14%' }}>{message.channel}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
        </>
      ) : error ? (
        <Failure error={error} retry={() => void refetch()} />
      ) : (
        <Rows count={4} />
      )}
    </Panel>
  );
}
