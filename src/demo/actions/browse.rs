//! Looking around: the home page, search, one product.

use opentelemetry::KeyValue;
use opentelemetry::logs::Severity;

use super::{PRODUCTS, Visitor, get, visit};
use crate::demo::draft::{Draft, Query, Request};
use crate::demo::plan::{Outcome, SpanRef};
use crate::demo::service::Service;

const TERMS: [&str; 6] = ["lamp", "clock", "brass", "gift", "flag", "watch"];

const LIST_PRODUCTS: Query = Query {
    operation: "SELECT",
    table: "products",
    text: "SELECT id, title, price_id FROM products WHERE listed ORDER BY sold DESC LIMIT $1",
    median_ms: 4.0,
};
const FIND_PRODUCTS: Query = Query {
    operation: "SELECT",
    table: "products",
    text: "SELECT id, title, price_id FROM products WHERE id = ANY($1)",
    median_ms: 5.0,
};
const ONE_PRODUCT: Query = Query {
    operation: "SELECT",
    table: "products",
    text: "SELECT * FROM products WHERE id = $1",
    median_ms: 2.5,
};
const REVIEWS_OF_PRODUCT: Query = Query {
    operation: "SELECT",
    table: "reviews",
    text: "SELECT author, stars, body FROM reviews WHERE product_id = $1 ORDER BY written_at DESC LIMIT 20",
    median_ms: 3.5,
};
const PRICES: Query = Query {
    operation: "SELECT",
    table: "prices",
    text: "SELECT id, amount, currency FROM prices WHERE id = ANY($1)",
    median_ms: 1.5,
};

pub(super) fn home(draft: &mut Draft<'_>, visitor: &Visitor) {
    visit(draft, visitor, get("/", "/"), |draft, span| {
        recommend(draft, visitor, span)?;
        draft.call(span, Service::Catalog, get("/products", "/products?limit=24"), |draft, span| {
            draft.query(span, LIST_PRODUCTS);
            if ratings(draft, span).is_err() {
                draft.attribute(span, KeyValue::new("shop.degraded", true));
            }
            let took = draft.elapsed_ms(span);
            let line = format!("level=info msg=\"listed products\" count=24 took={took:.1}ms");
            draft.log(span, Severity::Info, line, vec![]);
            Ok(())
        })?;
        prices(draft, span, 24)
    });
}

pub(super) fn search(draft: &mut Draft<'_>, visitor: &Visitor) {
    let term = draft.random.pick(&TERMS);
    let path = format!("/search?q={term}");
    visit(draft, visitor, get("/search", &path), |draft, span| {
        draft.call(span, Service::Search, get("/search", &path), |draft, span| {
            draft.work(9.0);
            let hits = draft.random.below(60);
            let products = get("/products/batch", "/products/batch");
            draft.call(span, Service::Catalog, products, |draft, span| {
                draft.query(span, FIND_PRODUCTS);
                Ok(())
            })?;
            let took = draft.elapsed_ms(span);
            let line = format!("level=info msg=search term={term} hits={hits} took={took:.1}ms");
            draft.log(span, Severity::Info, line, vec![KeyValue::new("shop.search.term", term)]);
            if took > 500.0 {
                let line = format!("level=warn msg=\"slow search\" term={term} took={took:.0}ms");
                draft.log(span, Severity::Warn, line, vec![]);
            }
            Ok(())
        })?;
        prices(draft, span, 10)
    });
}

pub(super) fn product(draft: &mut Draft<'_>, visitor: &Visitor) {
    let product = draft.random.pick(&PRODUCTS);
    let path = format!("/product/{product}");
    visit(draft, visitor, get("/product/{product}", &path), |draft, span| {
        details(draft, span, product)?;
        if let Err(fault) = reviews(draft, span, product) {
            // The page is worth showing without its reviews.
            draft.attribute(span, KeyValue::new("shop.degraded", true));
            let line = format!(
                r#"{{"level":"warn","msg":"reviews unavailable, page degraded","product":"{product}","error":"{}"}}"#,
                fault.message
            );
            draft.log(span, Severity::Warn, line, vec![KeyValue::new("shop.product.id", product)]);
        }
        prices(draft, span, 1)?;
        recommend(draft, visitor, span)
    });
}

fn details(draft: &mut Draft<'_>, span: SpanRef, product: &'static str) -> Outcome {
    let path = format!("/products/{product}");
    // One visitor in a hundred follows an old link.
    let gone = draft.random.chance(0.01);
    draft.call(span, Service::Catalog, get("/products/{product}", &path), |draft, span| {
        draft.attribute(span, KeyValue::new("shop.product.id", product));
        draft.query(span, ONE_PRODUCT);
        if gone {
            let line = format!("level=warn msg=\"product is gone\" product={product}");
            draft.log(span, Severity::Warn, line, vec![]);
            return Err(crate::demo::plan::Fault::new("not_found", 404, "product is gone"));
        }
        Ok(())
    })
}

fn reviews(draft: &mut Draft<'_>, span: SpanRef, product: &'static str) -> Outcome {
    let path = format!("/reviews/{product}");
    let request = Request { timeout_ms: 800, ..get("/reviews/{product}", &path) };
    draft.call(span, Service::Review, request, |draft, span| {
        draft.query(span, REVIEWS_OF_PRODUCT);
        let count = draft.random.below(20);
        let line = format!("review.store  {count} reviews of {product} loaded");
        draft.log(span, Severity::Info, line, vec![KeyValue::new("shop.product.id", product)]);
        Ok(())
    })
}

/// The stars beside each product in a list.
fn ratings(draft: &mut Draft<'_>, span: SpanRef) -> Outcome {
    let request = Request { timeout_ms: 800, ..get("/ratings", "/ratings") };
    let outcome = draft.call(span, Service::Review, request, |draft, span| {
        draft.query(span, REVIEWS_OF_PRODUCT);
        Ok(())
    });
    if let Err(fault) = &outcome {
        let line = format!("level=error msg=\"no ratings\" dependency=review err=\"{}\"", fault.message);
        let attributes = vec![KeyValue::new("error.type", fault.error_type.to_string())];
        draft.log(span, Severity::Error, line, attributes);
    }
    outcome
}

fn recommend(draft: &mut Draft<'_>, visitor: &Visitor, span: SpanRef) -> Outcome {
    let path = format!("/recommendations?user={}", visitor.user);
    draft.call(span, Service::Recommendation, get("/recommendations", &path), |draft, span| {
        draft.work(12.0);
        let cached = draft.random.chance(0.8);
        let line = format!("recommendation model=v7 user={} cached={cached} items=6", visitor.user);
        draft.log(span, Severity::Debug, line, vec![visitor.attribute()]);
        Ok(())
    })
}

pub(super) fn prices(draft: &mut Draft<'_>, span: SpanRef, products: u32) -> Outcome {
    draft.call(span, Service::Pricing, get("/prices", "/prices"), |draft, span| {
        draft.attribute(span, KeyValue::new("shop.products", i64::from(products)));
        if draft.random.chance(0.3) {
            draft.query(span, PRICES);
        }
        Ok(())
    })
}
