//! Buying: the cart, and a checkout with its payment, stock, shipping and mail.

use opentelemetry::KeyValue;
use opentelemetry::logs::Severity;

use super::{PRODUCTS, Visitor, browse, get, post, visit};
use crate::demo::draft::{Draft, Query, Request};
use crate::demo::plan::{Count, Exception, Fault, Outcome, SpanRef};
use crate::demo::service::Service;
use crate::demo::text;
use crate::demo::timeline::Incident;

/// The part of charges that the bad version of payments fails.
const BAD_PAYMENTS: f64 = 0.35;
/// Checkout gives up on inventory after this.
const RESERVE_TIMEOUT_MS: u64 = 1_000;

const STOCK: Query = Query {
    operation: "SELECT",
    table: "stock",
    text: "SELECT product_id, available FROM stock WHERE product_id = ANY($1) FOR UPDATE",
    median_ms: 25.0,
};
const RESERVE: Query = Query {
    operation: "UPDATE",
    table: "stock",
    text: "UPDATE stock SET available = available - $2 WHERE product_id = $1",
    median_ms: 15.0,
};
const SAVE_ORDER: Query = Query {
    operation: "INSERT",
    table: "orders",
    text: "INSERT INTO orders (id, user_id, total, placed_at) VALUES ($1, $2, $3, $4)",
    median_ms: 4.0,
};

struct Order {
    id: String,
    cents: u64,
}

pub(super) fn add_to_cart(draft: &mut Draft<'_>, visitor: &Visitor) {
    let product = draft.random.pick(&PRODUCTS);
    let items = 1 + draft.random.below(3);
    visit(draft, visitor, post("/cart", "/cart"), |draft, span| {
        browse::prices(draft, span, 1)?;
        let path = format!("/carts/{}/items", visitor.user);
        draft.call(span, Service::Cart, post("/carts/{user}/items", &path), |draft, span| {
            let key = format!("cart:{}", visitor.user);
            draft.redis(span, "HINCRBY", &key);
            draft.redis(span, "EXPIRE", &key);
            draft.count(span, Count::CartItems(items));
            let line = format!("added {items} x {product} to the cart of {}", visitor.user);
            let attributes = vec![visitor.attribute(), KeyValue::new("shop.product.id", product)];
            draft.log(span, Severity::Info, line, attributes);
            Ok(())
        })
    });
}

pub(super) fn checkout(draft: &mut Draft<'_>, visitor: &Visitor) {
    let order = Order {
        id: format!("o-{:08x}", draft.random.next() >> 32),
        cents: draft.random.log_normal(4_900.0, 0.7) as u64 + 199,
    };
    visit(draft, visitor, post("/checkout", "/checkout"), |draft, span| {
        draft.attribute(span, KeyValue::new("order.id", order.id.clone()));
        draft.call(span, Service::Checkout, post("/orders", "/orders"), |draft, span| {
            place(draft, visitor, span, &order)
        })
    });
}

fn place(draft: &mut Draft<'_>, visitor: &Visitor, span: SpanRef, order: &Order) -> Outcome {
    draft.attribute(span, KeyValue::new("order.id", order.id.clone()));
    let outcome = settle(draft, visitor, span, order);
    let attributes = vec![visitor.attribute(), KeyValue::new("order.id", order.id.clone())];
    let total = text::money(order.cents);
    match &outcome {
        Ok(()) => {
            draft.count(span, Count::Order);
            let line = format!("level=info msg=\"order placed\" order={} total={total}", order.id);
            draft.log(span, Severity::Info, line, attributes);
            let sent = draft.publish(span, &order.id);
            fulfil(draft, visitor, sent, order);
        }
        Err(fault) => {
            let line =
                format!("level=error msg=\"order failed\" order={} err=\"{}\"", order.id, fault.message);
            draft.log(span, Severity::Error, line, attributes);
        }
    }
    outcome
}

fn settle(draft: &mut Draft<'_>, visitor: &Visitor, span: SpanRef, order: &Order) -> Outcome {
    let path = format!("/carts/{}", visitor.user);
    draft.call(span, Service::Cart, get("/carts/{user}", &path), |draft, span| {
        draft.redis(span, "HGETALL", &format!("cart:{}", visitor.user));
        Ok(())
    })?;
    browse::prices(draft, span, 3)?;
    reserve(draft, span, order)?;
    charge(draft, visitor, span, order)?;
    draft.query(span, SAVE_ORDER);
    Ok(())
}

fn reserve(draft: &mut Draft<'_>, span: SpanRef, order: &Order) -> Outcome {
    let request = Request { timeout_ms: RESERVE_TIMEOUT_MS, ..post("/reservations", "/reservations") };
    draft.call(span, Service::Inventory, request, |draft, span| {
        draft.query(span, STOCK);
        draft.query(span, RESERVE);
        let took = draft.elapsed_ms(span);
        let attributes = vec![KeyValue::new("order.id", order.id.clone())];
        let line = format!("level=info msg=reserved order={} took={took:.1}ms", order.id);
        draft.log(span, Severity::Info, line, attributes.clone());
        if took > 400.0 {
            let line =
                format!("level=warn msg=\"slow query\" table=stock took={took:.0}ms order={}", order.id);
            draft.log(span, Severity::Warn, line, attributes);
        }
        Ok(())
    })
}

fn charge(draft: &mut Draft<'_>, visitor: &Visitor, span: SpanRef, order: &Order) -> Outcome {
    let fails = draft.incident == Incident::BadPayments && draft.random.chance(BAD_PAYMENTS);
    draft.call(span, Service::Payments, post("/charges", "/charges"), |draft, span| {
        draft.attribute(span, KeyValue::new("order.id", order.id.clone()));
        let mut attributes = vec![visitor.attribute(), KeyValue::new("order.id", order.id.clone())];
        if fails {
            draft.work(6.0);
            let exception = Exception { kind: text::CHARGE_EXCEPTION, stacktrace: text::charge_stacktrace() };
            attributes.push(KeyValue::new("exception.type", exception.kind));
            attributes.push(KeyValue::new("exception.message", text::CHARGE_MESSAGE));
            attributes.push(KeyValue::new("exception.stacktrace", exception.stacktrace.clone()));
            let line = format!("charge for order {} failed: {}", order.id, text::CHARGE_MESSAGE);
            draft.log(span, Severity::Error, line, attributes);
            draft.count(span, Count::Payment { accepted: false });
            let fault = Fault::new("charge_failed", 500, text::CHARGE_MESSAGE);
            return Err(Fault { exception: Some(exception), ..fault });
        }
        draft.call_outside(span, "bank.example", "/v3/charges", 80.0);
        draft.count(span, Count::Payment { accepted: true });
        let card = 1_000 + draft.random.below(9_000);
        let line =
            format!("charged {} EUR to card ****{card} for order {}", text::money(order.cents), order.id);
        draft.log(span, Severity::Info, line, attributes);
        Ok(())
    })
}

fn fulfil(draft: &mut Draft<'_>, visitor: &Visitor, sent: SpanRef, order: &Order) {
    let id = KeyValue::new("order.id", order.id.clone());
    draft.consume(sent, Service::Shipping, &order.id, |draft, span| {
        draft.work(8.0);
        let parcel = 100_000_000 + draft.random.below(900_000_000);
        let line = format!("parcel SB{parcel} for order {} handed to the carrier", order.id);
        draft.log(span, Severity::Info, line, vec![id.clone()]);
    });
    draft.consume(sent, Service::Mail, &order.id, |draft, span| {
        draft.call_outside(span, "smtp.example", "/send", 25.0);
        let line = format!(
            r#"{{"severity":"INFO","event":"mail sent","template":"order-confirmation","order":"{}"}}"#,
            order.id
        );
        draft.log(span, Severity::Info, line, vec![visitor.attribute(), id.clone()]);
    });
}
