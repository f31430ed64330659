//! `/api/v2/silences` and `/api/v2/silence/{id}`: a silence is a document that holds the API's own JSON.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use store::DocumentKind;

use crate::failure::{Failure, Reply, json_reply};
use crate::service::Call;

pub(crate) fn list(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let silences = call.shared.store.documents().list(&call.ctx.tenant, DocumentKind::Silence).await?;
        Ok(json_reply(|json| {
            json.array(|a| {
                silences.iter().filter_map(|s| std::str::from_utf8(&s.bytes).ok()).for_each(|s| a.raw(s))
            });
        }))
    }
    .boxed()
}

pub(crate) fn one(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let id = call.path.get("id");
        let found = call.shared.store.documents().get(&call.ctx.tenant, DocumentKind::Silence, id).await?;
        let text = found.as_ref().and_then(|silence| std::str::from_utf8(&silence.bytes).ok());
        match text {
            Some(silence) => Ok(json_reply(|json| json.raw(silence))),
            None => Err(Failure::not_found(format!("there is no silence {id}"))),
        }
    }
    .boxed()
}
