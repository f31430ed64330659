//! `POST /api/signalbox/receivers/{name}/test`: a message that says it is a test, sent now.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::failure::{Failure, Reply, json_reply};
use crate::service::Call;

/// Answers with what came of it for each integration; an error is the receiver's, not the request's.
pub(crate) fn test(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let name = call.path.get("name");
        let missing = || Failure::not_found(format!("there is no receiver {name:?}"));
        let notifier = call.shared.rules.notifier().ok_or_else(missing)?;
        let outcomes = notifier.test(name).await.ok_or_else(missing)?;
        Ok(json_reply(|json| {
            json.object(|o| {
                o.key("integrations").array(|a| {
                    for (kind, outcome) in &outcomes {
                        a.object(|i| {
                            i.member("kind", kind);
                            i.key("delivered").bool(outcome.is_ok());
                            if let Err(error) = outcome {
                                i.member("error", error);
                            }
                        });
                    }
                });
            });
        }))
    }
    .boxed()
}
