/** CodeMirror for the three query languages: one line that grows, completion from our own endpoints, mistakes underlined. */
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { HighlightStyle, bracketMatching, syntaxHighlighting } from '@codemirror/language';
import { lintKeymap } from '@codemirror/lint';
import { EditorState, type Extension, Prec } from '@codemirror/state';
import { EditorView, keymap, placeholder as placeholderText } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { useEffect, useRef } from 'react';
import { LANGUAGES, type LanguageName } from './languages';

type Props = { language: LanguageName; value: string; label: string; placeholder: string; search: boolean; onChange: (text: string) => void; onSubmit: (text: string) => void };

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

type Calls = { current: Pick<Props, 'onChange' | 'onSubmit'> };

export default function CodeEditor({ language, value, label, placeholder, search, onChange, onSubmit }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const calls = useRef({ onChange, onSubmit });
  calls.current = { onChange, onSubmit };
  const first = useRef(value);

  useEffect(() => {
    const parent = host.current;
    if (!parent) return undefined;
    const state = EditorState.create({ doc: view.current?.state.doc ?? first.current, extensions: extensions(LANGUAGES[language](), calls, { label, placeholder, search }) });
    const made = new EditorView({ parent, state });
    view.current = made;
    return () => {
      view.current = null;
      first.current = made.state.doc.toString();
      made.destroy();
    };
  }, [language, label, placeholder, search]);

  useEffect(() => {
    const editor = view.current;
    if (!editor || editor.state.doc.toString() === value) return;
    editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } });
  }, [value]);

  return <div ref={host} className="prom-editor" />;
}

function extensions(language: Extension, calls: Calls, { label, placeholder, search }: Pick<Props, 'label' | 'placeholder' | 'search'>): Extension {
  const submit = (editor: EditorView) => {
    calls.current.onSubmit(editor.state.doc.toString());
    return true;
  };
  return [
    language,
    history(),
    bracketMatching(),
    closeBrackets(),
    autocompletion({ icons: false }),
    syntaxHighlighting(colours),
    placeholderText(placeholder),
    EditorView.lineWrapping,
    EditorView.contentAttributes.of({ 'aria-label': label, ...(search ? { 'data-search': '' } : {}), spellcheck: 'false' }),
    // Below the completion's own Enter: that one chooses an entry.
    keymap.of([...closeBracketsKeymap, ...completionKeymap, ...lintKeymap, ...historyKeymap]),
    Prec.highest(keymap.of([{ key: 'Mod-Enter', run: submit }])),
    keymap.of([{ key: 'Enter', run: submit }, { key: 'Shift-Enter', run: (editor) => { editor.dispatch(editor.state.replaceSelection('\n')); return true; } }, { key: 'Escape', run: blur }, ...defaultKeymap]),
    EditorView.updateListener.of((update) => {
      if (update.docChanged) calls.current.onChange(update.state.doc.toString());
    }),
  ];
}

function blur(editor: EditorView): boolean {
  editor.contentDOM.blur();
  return true;
}
