/** The query languages of the editor, one row each. */
import { type CompletionContext, type CompletionResult, snippetCompletion } from '@codemirror/autocomplete';
import { LRLanguage, LanguageSupport, syntaxTree } from '@codemirror/language';
import { type Diagnostic, linter } from '@codemirror/lint';
import type { Extension } from '@codemirror/state';
import type { EditorView } from '@codemirror/view';
import { parser as logqlParser } from '@grafana/lezer-logql';
import { parser as traceqlParser } from '@grafana/lezer-traceql';
import { styleTags, tags } from '@lezer/highlight';
import { PromQLExtension } from '@prometheus-io/codemirror-promql';
import { request } from '../../lib/api';
import { logqlPlace, traceqlPlace } from '../../lib/complete';
import * as loki from '../../lib/loki';
import * as tempo from '../../lib/tempo';

export type LanguageName = 'promql' | 'logql' | 'traceql';

export const LANGUAGES: Record<LanguageName, () => Extension> = { promql, logql, traceql };

function promql(): Extension {
  const made = new PromQLExtension().setComplete({ remote: { url: '', fetchFn: (input) => request(pathOf(input)), httpMethod: 'GET' } });
  return made.asExtension();
}

function pathOf(input: RequestInfo | URL): string {
  const text = typeof input === 'string' ? input : input instanceof URL ? input.href : input.url;
  const url = new URL(text, window.location.origin);
  return url.pathname + url.search;
}

const HOUR_MS = 3_600_000;
/** Names and values asked once in a while, not at every key. */
const asked = new Map<string, { atMs: number; list: Promise<string[]> }>();

function remembered(key: string, ask: () => Promise<string[]>): Promise<string[]> {
  const known = asked.get(key);
  if (known && Date.now() - known.atMs < 30_000) return known.list;
  const list = ask().catch(() => []);
  asked.set(key, { atMs: Date.now(), list });
  return list;
}

function logql(): Extension {
  const language = LRLanguage.define({
    parser: logqlParser.configure({
      props: [
        styleTags({
          'Json Logfmt Unpack Pattern Regexp Unwrap LabelFormat LineFormat Decolorize Drop Keep': tags.function(tags.variableName),
          'CountOverTime Rate RateCounter BytesOverTime BytesRate AvgOverTime SumOverTime MinOverTime MaxOverTime StddevOverTime StdvarOverTime QuantileOverTime FirstOverTime LastOverTime AbsentOverTime LabelReplace Vector': tags.function(tags.variableName),
          'Sum Avg Count Max Min Stddev Stdvar Bottomk Topk Sort Sort_Desc': tags.function(tags.variableName),
          'By Without On Ignoring GroupLeft GroupRight Offset Bool And Or Unless': tags.keyword,
          String: tags.string,
          'Number Duration Range Bytes': tags.number,
          Identifier: tags.labelName,
          'Eq Neq Re Nre Pipe PipeExact PipeMatch PipePattern Npa Gtr Gte Lss Lte Eql Add Sub Mul Div Mod Pow': tags.operator,
          LineComment: tags.comment,
        }),
      ],
    }),
    languageData: { commentTokens: { line: '#' }, closeBrackets: { brackets: ['(', '[', '{', '"', '`'] } },
  });
  return new LanguageSupport(language, [language.data.of({ autocomplete: completeLogql }), linter(mistakes('LogQL'))]);
}

async function completeLogql(context: CompletionContext): Promise<CompletionResult | null> {
  const place = logqlPlace(context.state.sliceDoc(0, context.pos));
  const now = Date.now();
  if (place.kind === 'value') {
    const values = await remembered(`logql/${place.label}`, () => loki.labelValues(place.label, now - HOUR_MS, now));
    return { from: context.pos - place.typed.length, options: values.map((value) => ({ label: value.replace(/["\\]/g, '\\$&'), type: 'text' })), validFor: /^[^"]*$/ };
  }
  if (place.kind === 'label') {
    const names = await remembered('logql/names', () => loki.labelNames(now - HOUR_MS, now));
    return { from: context.pos - place.typed.length, options: names.map((name) => snippetCompletion(`${name}="\${}"`, { label: name, type: 'variable' })), validFor: /^\w*$/ };
  }
  if (!context.explicit && place.typed === '') return null;
  const words = place.kind === 'stage' ? STAGES : FUNCTIONS;
  return { from: context.pos - place.typed.length, options: words.map(([label, template, detail]) => snippetCompletion(template, { label, detail })), validFor: /^\w*$/ };
}

type Word = [label: string, template: string, detail: string];

const STAGES: Word[] = [
  ['json', 'json', 'fields of a JSON line'], ['logfmt', 'logfmt', 'fields of a key=value line'], ['pattern', 'pattern "${<_> <field>}"', 'fields by position'], ['regexp', 'regexp "${(?P<field>.*)}"', 'fields by groups'], ['unpack', 'unpack', 'labels packed into the line'],
  ['line_format', 'line_format "${{{.field}}}"', 'another line'], ['label_format', 'label_format ${new}=${old}', 'another label'], ['decolorize', 'decolorize', 'without colours'], ['drop', 'drop ${label}', 'without labels'], ['keep', 'keep ${label}', 'only these labels'], ['unwrap', 'unwrap ${label}', 'a label as the value'],
  ['detected_level', 'detected_level="${error}"', 'by level'], ['trace_id', 'trace_id="${}"', 'of a trace'],
];
const FUNCTIONS: Word[] = [
  ...['rate', 'count_over_time', 'bytes_rate', 'bytes_over_time', 'absent_over_time'].map((name): Word => [name, `${name}({\${service_name=~".+"}} [\${1m}])`, 'over lines']),
  ...['avg_over_time', 'sum_over_time', 'min_over_time', 'max_over_time'].map((name): Word => [name, `${name}({\${service_name=~".+"}} | logfmt | unwrap \${label} [\${1m}])`, 'over values']),
  ['quantile_over_time', 'quantile_over_time(${0.95}, {${service_name=~".+"}} | logfmt | unwrap ${label} [${1m}])', 'over values'],
  ...['sum', 'avg', 'min', 'max', 'count'].map((name): Word => [name, `${name} by (\${service_name}) (\${})`, 'over series']),
  ['topk', 'topk(${10}, ${})', 'over series'],
];

function traceql(): Extension {
  const language = LRLanguage.define({
    parser: traceqlParser.configure({
      props: [
        styleTags({
          'Aggregate AggregateExpression MetricsOperationBasicType MetricsOverTimeType MetricsAggregatorFunctionType MetricsOperationHistogram MetricsOperationQuantile MetricsOperationCompare GroupOperation SelectOperation CoalesceOperation': tags.function(tags.variableName),
          'With And Or': tags.keyword,
          String: tags.string,
          'Integer Float Duration': tags.number,
          'IntrinsicField Static': tags.keyword,
          'AttributeField Identifier': tags.labelName,
          'FieldOp ComparisonOp ScalarOp Pipe Gt Lt Desc Anc': tags.operator,
          'LineComment BlockComment': tags.comment,
        }),
      ],
    }),
    languageData: { commentTokens: { line: '//' }, closeBrackets: { brackets: ['(', '[', '{', '"'] } },
  });
  return new LanguageSupport(language, [language.data.of({ autocomplete: completeTraceql }), linter(mistakes('TraceQL'))]);
}

const INTRINSICS = ['name', 'status', 'kind', 'duration', 'traceDuration', 'rootName', 'rootServiceName', 'statusMessage', 'event:name', 'span:id', 'trace:id'];
const KEYWORDS: Record<string, string[]> = { status: ['error', 'ok', 'unset'], kind: ['server', 'client', 'internal', 'producer', 'consumer', 'unspecified'] };
const PIPES: Word[] = [
  ['rate()', 'rate()', 'spans a second'], ['count_over_time()', 'count_over_time()', 'spans a step'], ['quantile_over_time', 'quantile_over_time(duration, ${0.95})', 'of an attribute'], ['histogram_over_time', 'histogram_over_time(duration)', 'of an attribute'], ['avg_over_time', 'avg_over_time(duration)', 'of an attribute'],
  ['by', 'by(${resource.service.name})', 'group'], ['select', 'select(${span.http.route})', 'show attributes'], ['count()', 'count() > ${2}', 'spans of a trace'], ['avg', 'avg(duration) > ${100ms}', 'of a trace'], ['max', 'max(duration) > ${1s}', 'of a trace'],
];

async function completeTraceql(context: CompletionContext): Promise<CompletionResult | null> {
  const place = traceqlPlace(context.state.sliceDoc(0, context.pos));
  if (place.kind === 'value') {
    const from = context.pos - place.typed.length;
    const fixed = KEYWORDS[place.field];
    if (fixed) return { from, options: fixed.map((label) => ({ label, type: 'keyword' })), validFor: /^\w*$/ };
    const values = await remembered(`traceql/${place.field}`, () => tempo.tagValues(place.field));
    return { from, options: values.map((value) => ({ label: place.quoted ? value : JSON.stringify(value), type: 'text' })), validFor: /^[^"]*"?$/ };
  }
  if (place.kind === 'field') {
    const names = await remembered('traceql/tags', () => tempo.tagNames());
    return { from: context.pos - place.typed.length, options: [...INTRINSICS, ...names].map((label) => ({ label, type: 'variable' })), validFor: /^[\w.:-]*$/ };
  }
  if (!context.explicit && place.typed === '') return null;
  return { from: context.pos - place.typed.length, options: PIPES.map(([label, template, detail]) => snippetCompletion(template, { label, detail })), validFor: /^\w*$/ };
}

/** What the grammar cannot make sense of, at its position. */
function mistakes(language: string): (view: EditorView) => Diagnostic[] {
  return (view) => {
    const out: Diagnostic[] = [];
    if (view.state.doc.length === 0) return out;
    syntaxTree(view.state).iterate({
      enter: (node) => {
        if (!node.type.isError || out.length) return;
        const to = Math.min(view.state.doc.length, Math.max(node.to, node.from + 1));
        out.push({ from: Math.min(node.from, to > 0 && node.from === to ? to - 1 : node.from), to, severity: 'error', message: node.from >= view.state.doc.length ? `the ${language} ends too early` : `this is no ${language}` });
      },
    });
    return out;
  };
}
