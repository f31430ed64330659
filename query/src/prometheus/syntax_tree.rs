//! A PromQL syntax tree as `/api/v1/parse_query` answers it.

use engine::promql::ast::{
    Aggregate, At, Binary, Call, Cardinality, DurationExpr, DurationValue, Edge, Expr, Matcher, Matching,
    Selector, Subquery, ValueType,
};
use engine::promql::{Variadic, fmt_value};

use crate::json::Json;

pub(super) fn write(json: &mut Json, expr: &Expr) {
    json.object(|o| match expr {
        Expr::Number(number) => {
            o.member("type", "numberLiteral");
            o.member("val", &fmt_value(number.value));
        }
        Expr::String(text) => {
            o.member("type", "stringLiteral");
            o.member("val", &text.value);
        }
        Expr::Selector(selector) => {
            o.member("type", "vectorSelector");
            write_selector(o, selector, None);
        }
        Expr::Matrix(matrix) => {
            o.member("type", "matrixSelector");
            write_selector(o, &matrix.selector, Some(&matrix.range));
        }
        Expr::Subquery(subquery) => write_subquery(o, subquery),
        Expr::Aggregate(aggregate) => write_aggregate(o, aggregate),
        Expr::Binary(binary) => write_binary(o, binary),
        Expr::Call(call) => write_call(o, call),
        Expr::Paren(paren) => {
            o.member("type", "parenExpr");
            write(o.key("expr"), &paren.expr);
        }
        Expr::Unary(unary) => {
            o.member("type", "unaryExpr");
            o.member("op", if unary.negate { "-" } else { "+" });
            write(o.key("expr"), &unary.expr);
        }
    });
}

fn write_selector(o: &mut Json, selector: &Selector, range: Option<&DurationValue>) {
    o.member("name", selector.name.as_deref().unwrap_or_default());
    if let Some(range) = range {
        write_duration(o, "range", Some(range));
    }
    write_duration(o, "offset", selector.time.offset.as_ref());
    o.key("matchers").array(|a| selector.matchers.iter().for_each(|matcher| write_matcher(a, matcher)));
    write_at(o, selector.time.at);
    o.key("anchored").bool(selector.edge == Edge::Anchored);
    o.key("smoothed").bool(selector.edge == Edge::Smoothed);
}

fn write_matcher(json: &mut Json, matcher: &Matcher) {
    json.object(|o| {
        o.member("name", &matcher.name);
        o.member("value", &matcher.value);
        o.member("type", matcher.op.symbol());
    });
}

/// A duration as a number and, if it depends on the query's step or range, as the expression it is.
fn write_duration(o: &mut Json, name: &str, duration: Option<&DurationValue>) {
    let expression = format!("{name}Expr");
    match duration {
        Some(DurationValue::Millis(millis)) => {
            o.key(name).int(*millis);
            o.key(&expression).null();
        }
        Some(DurationValue::Expr(expr)) => {
            o.key(name).int(0);
            write_duration_expr(o.key(&expression), expr, false);
        }
        None => {
            o.key(name).int(0);
            o.key(&expression).null();
        }
    }
}

fn write_duration_expr(json: &mut Json, expr: &DurationExpr, wrapped: bool) {
    let (op, lhs, rhs) = match expr {
        DurationExpr::Number(number) => {
            return json.object(|o| {
                o.member("type", "numberLiteral");
                o.member("val", &fmt_value(number.value));
                o.key("duration").bool(number.is_duration);
            });
        }
        DurationExpr::Paren(inner) => return write_duration_expr(json, inner, true),
        DurationExpr::Step => ("step", None, None),
        DurationExpr::Range => ("range", None, None),
        DurationExpr::Negate(inner) => ("-", None, Some(inner)),
        DurationExpr::Binary(op, a, b) => (op.symbol(), Some(a), Some(b)),
        DurationExpr::MinOf(a, b) => ("min_of", Some(a), Some(b)),
        DurationExpr::MaxOf(a, b) => ("max_of", Some(a), Some(b)),
    };
    json.object(|o| {
        o.member("type", "durationExpr");
        o.member("op", op);
        for (name, side) in [("lhs", lhs), ("rhs", rhs)] {
            match side {
                Some(side) => write_duration_expr(o.key(name), side, false),
                None => o.key(name).null(),
            }
        }
        o.key("wrapped").bool(wrapped);
    });
}

fn write_at(o: &mut Json, at: Option<At>) {
    match at {
        Some(At::Time(time_ms)) => o.key("timestamp").int(time_ms),
        _ => o.key("timestamp").null(),
    }
    match at {
        Some(At::Start) => o.member("startOrEnd", "start"),
        Some(At::End) => o.member("startOrEnd", "end"),
        _ => o.key("startOrEnd").null(),
    }
}

fn write_subquery(o: &mut Json, subquery: &Subquery) {
    o.member("type", "subquery");
    write(o.key("expr"), &subquery.expr);
    write_duration(o, "range", Some(&subquery.range));
    write_duration(o, "offset", subquery.time.offset.as_ref());
    write_duration(o, "step", subquery.step.as_ref());
    write_at(o, subquery.time.at);
}

fn write_aggregate(o: &mut Json, aggregate: &Aggregate) {
    o.member("type", "aggregation");
    o.member("op", aggregate.op.name());
    write(o.key("expr"), &aggregate.expr);
    match &aggregate.parameter {
        Some(parameter) => write(o.key("param"), parameter),
        None => o.key("param").null(),
    }
    o.key("grouping").strings(aggregate.grouping.iter().map(String::as_str));
    o.key("without").bool(aggregate.without);
}

fn write_binary(o: &mut Json, binary: &Binary) {
    o.member("type", "binaryExpr");
    o.member("op", binary.op.symbol());
    write(o.key("lhs"), &binary.lhs);
    write(o.key("rhs"), &binary.rhs);
    let vectors = [&binary.lhs, &binary.rhs].iter().all(|side| side.value_type() == ValueType::Vector);
    if vectors {
        write_matching(o.key("matching"), &binary.matching);
    } else {
        o.key("matching").null();
    }
    o.key("bool").bool(binary.return_bool);
}

fn write_matching(json: &mut Json, matching: &Matching) {
    let card = match matching.cardinality {
        Cardinality::OneToOne => "one-to-one",
        Cardinality::ManyToOne => "many-to-one",
        Cardinality::OneToMany => "one-to-many",
        Cardinality::ManyToMany => "many-to-many",
    };
    json.object(|o| {
        o.member("card", card);
        o.key("labels").strings(matching.labels.iter().map(String::as_str));
        o.key("on").bool(matching.on);
        o.key("include").strings(matching.include.iter().map(String::as_str));
        o.key("fillValues").object(|f| {
            for (name, fill) in [("lhs", matching.fill_left), ("rhs", matching.fill_right)] {
                match fill {
                    Some(value) => f.key(name).number(value),
                    None => f.key(name).null(),
                }
            }
        });
    });
}

fn write_call(o: &mut Json, call: &Call) {
    o.member("type", "call");
    o.key("func").object(|f| {
        f.member("name", call.function.name);
        f.key("argTypes").strings(call.function.args.iter().map(|arg| type_name(*arg)));
        f.key("variadic").int(match call.function.variadic {
            Variadic::No => 0,
            Variadic::UpTo(count) => i64::try_from(count).unwrap_or(i64::MAX),
            Variadic::Any => -1,
        });
        f.member("returnType", type_name(call.function.returns));
    });
    o.key("args").array(|a| call.args.iter().for_each(|arg| write(a, arg)));
}

fn type_name(kind: ValueType) -> &'static str {
    match kind {
        ValueType::Scalar => "scalar",
        ValueType::String => "string",
        ValueType::Vector => "vector",
        ValueType::Matrix => "matrix",
    }
}
