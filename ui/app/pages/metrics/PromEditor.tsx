/** CodeMirror with Prometheus's own language support, fed from our label endpoints. */
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { HighlightStyle, bracketMatching, syntaxHighlighting } from '@codemirror/language';
import { lintKeymap } from '@codemirror/lint';
import { EditorState, Prec } from '@codemirror/state';
import { EditorView, keymap, placeholder } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { PromQLExtension } from '@prometheus-io/codemirror-promql';
import { useEffect, useRef } from 'react';
import { request } from '../../lib/api';

type Props = { value: string; onChange: (text: string) => void; onSubmit: (text: string) => void };

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: 'var(--sev-fatal)' },
  { tag: tags.function(tags.variableName), color: 'var(--accent)' },
  { tag: tags.string, color: 'var(--ok)' },
  { tag: tags.number, color: 'var(--sev-warn)' },
  { tag: tags.modifier, color: 'var(--sev-fatal)' },
  { tag: tags.labelName, color: 'var(--sev-info)' },
  { tag: tags.operator, color: 'var(--muted)' },
  { tag: tags.comment, color: 'var(--faint)' },
]);

export default function PromEditor({ value, onChange, onSubmit }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const calls = useRef({ onChange, onSubmit });
  calls.current = { onChange, onSubmit };
  const first = useRef(value);

  useEffect(() => {
    const parent = host.current;
    if (!parent) return undefined;
    const made = new EditorView({ parent, state: EditorState.create({ doc: first.current, extensions: extensions(calls) }) });
    view.current = made;
    return () => {
      view.current = null;
      made.destroy();
    };
  }, []);

  useEffect(() => {
    const editor = view.current;
    if (!editor || editor.state.doc.toString() === value) return;
    editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } });
  }, [value]);

  return <div ref={host} className="prom-editor" />;
}

function extensions(calls: { current: Pick<Props, 'onChange' | 'onSubmit'> }) {
  const promql = new PromQLExtension().setComplete({
    remote: { url: '', fetchFn: (input) => request(pathOf(input)), httpMethod: 'GET' },
  });
  const submit = (editor: EditorView) => {
    calls.current.onSubmit(editor.state.doc.toString());
    return true;
  };
  return [
    promql.asExtension(),
    history(),
    bracketMatching(),
    closeBrackets(),
    autocompletion({ icons: false }),
    syntaxHighlighting(colours),
    placeholder('sum by (service_name) (rate(http_server_request_duration_seconds_count[1m]))'),
    EditorView.lineWrapping,
    EditorView.contentAttributes.of({ 'aria-label': 'PromQL', 'data-search': '', spellcheck: 'false' }),
    // Below the completion's own Enter: that one chooses an entry.
    keymap.of([...closeBracketsKeymap, ...completionKeymap, ...lintKeymap, ...historyKeymap]),
    Prec.highest(keymap.of([{ key: 'Mod-Enter', run: submit }])),
    keymap.of([{ key: 'Enter', run: submit }, { key: 'Escape', run: blur }, ...defaultKeymap]),
    EditorView.updateListener.of((update) => {
      if (update.docChanged) calls.current.onChange(update.state.doc.toString());
    }),
  ];
}

function blur(editor: EditorView): boolean {
  editor.contentDOM.blur();
  return true;
}

function pathOf(input: RequestInfo | URL): string {
  const text = typeof input === 'string' ? input : input instanceof URL ? input.href : input.url;
  const url = new URL(text, window.location.origin);
  return url.pathname + url.search;
}
