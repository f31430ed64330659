//! WeChat Work: a token for the secret of an application, then a message by that token.

use serde::Deserialize;
use serde_json::json;

use super::{Environment, Outgoing, Prepared, Receiver, Say, chat, check_url, needed, put, set};
use crate::notify::config::Hidden;
use crate::notify::http::{HttpConfig, Secret};

const API_URL: &str = "https://qyapi.weixin.qq.com/cgi-bin/";

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WechatConfig {
    send_resolved: bool,
    api_secret: Option<Hidden>,
    api_secret_file: Option<String>,
    api_url: Option<String>,
    corp_id: Option<String>,
    message: Option<String>,
    message_type: Option<String>,
    agent_id: Option<String>,
    to_user: Option<String>,
    to_party: Option<String>,
    to_tag: Option<String>,
    http_config: Option<HttpConfig>,
    #[serde(skip)]
    secret: Option<Secret>,
}

/// Two requests: the second needs what the first answers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WechatSend {
    /// Answers an access token.
    pub(crate) token_url: Hidden,
    /// Without the token.
    pub(crate) send_url: String,
    pub(crate) body: String,
}

impl Receiver for WechatConfig {
    fn sends_resolved(&self) -> bool {
        self.send_resolved
    }

    fn http(&self) -> Option<&HttpConfig> {
        self.http_config.as_ref()
    }

    fn templates(&self) -> Vec<(&'static str, &str)> {
        set(&[
            ("message", &self.message),
            ("agent_id", &self.agent_id),
            ("to_user", &self.to_user),
            ("to_party", &self.to_party),
            ("to_tag", &self.to_tag),
        ])
    }

    fn complete(&mut self, environment: &Environment<'_>) -> Result<(), String> {
        let global = environment.global;
        let own = (self.api_secret.as_ref(), self.api_secret_file.as_deref());
        let all = (global.wechat_api_secret.as_ref(), global.wechat_api_secret_file.as_deref());
        self.secret = environment.secret("api_secret", own, all)?;
        self.corp_id = self.corp_id.take().or_else(|| global.wechat_api_corp_id.clone());
        if self.secret.is_none() || self.corp_id.is_none() {
            return Err(
                "set api_secret and corp_id, or global.wechat_api_secret and wechat_api_corp_id".into()
            );
        }
        if !["text", "markdown"].contains(&self.kind()) {
            return Err("message_type: it is text or markdown".into());
        }
        let url = self.api_url.take().or_else(|| global.wechat_api_url.clone());
        let url = url.unwrap_or_else(|| API_URL.into());
        check_url("api_url", &url)?;
        self.api_url = Some(if url.ends_with('/') { url } else { format!("{url}/") });
        Ok(())
    }

    fn render(&self, say: &Say<'_>) -> Result<Prepared, String> {
        let text = say.or(self.message.as_deref(), "wechat.default.message")?;
        let kind = self.kind();
        let mut body = json!({ "msgtype": kind, kind: { "content": text }, "safe": "0" });
        put(&mut body, "touser", say.or(self.to_user.as_deref(), "wechat.default.to_user")?);
        put(&mut body, "toparty", say.or(self.to_party.as_deref(), "wechat.default.to_party")?);
        put(&mut body, "totag", say.or(self.to_tag.as_deref(), "wechat.default.to_tag")?);
        put(&mut body, "agentid", say.or(self.agent_id.as_deref(), "wechat.default.agent_id")?);
        let url = self.api_url.as_deref().unwrap_or(API_URL);
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("corpid", self.corp_id.as_deref().unwrap_or_default());
        query.append_pair("corpsecret", &needed(self.secret.as_ref())?);
        let send = WechatSend {
            token_url: Hidden::from(&*format!("{url}gettoken?{}", query.finish())),
            send_url: format!("{url}message/send"),
            body: body.to_string(),
        };
        Ok(Prepared { sends: vec![Outgoing::Wechat(send)], shown: (chat::title(say.message), text) })
    }
}

impl WechatConfig {
    fn kind(&self) -> &str {
        self.message_type.as_deref().unwrap_or("text")
    }
}
