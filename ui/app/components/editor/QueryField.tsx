import { Suspense, lazy, useEffect, useState } from 'react';
import type { LanguageName } from './languages';

const CodeEditor = lazy(() => import('./CodeEditor'));

const NAMES: Record<LanguageName, string> = { promql: 'PromQL', logql: 'LogQL', traceql: 'TraceQL' };
const EXAMPLES: Record<LanguageName, string> = {
  promql: 'sum by (job) (rate(http_server_request_duration_seconds_count[1m]))',
  logql: '{service_name="cart"} |= "timeout"',
  traceql: '{ resource.service.name = "cart" && duration > 100ms }',
};

type Props = { language: LanguageName; value: string; onSubmit: (query: string) => void; label?: string; /** `/` goes here. */ search?: boolean; /** What is typed, before it is run. */ onType?: (text: string) => void };

/** The editor with completion comes in its own chunk; until it is here a plain box does the same. Leaving it runs nothing. */
export function QueryField({ language, value, onSubmit, label = NAMES[language], search = false, onType }: Props) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const change = (next: string) => {
    setText(next);
    onType?.(next);
  };
  return (
    <Suspense fallback={<textarea className="plain-editor mono" aria-label={label} {...(search ? { 'data-search': '' } : {})} rows={1} value={text} onChange={(event) => change(event.target.value)} />}>
      <CodeEditor language={language} value={text} label={label} placeholder={EXAMPLES[language]} search={search} onChange={change} onSubmit={(query) => onSubmit(query.trim())} />
    </Suspense>
  );
}
