//! `http_sd_configs`: a URL that answers groups.

use http::HeaderName;
use http::header::ACCEPT;

use super::{Group, News, Teller};
use crate::scrape::config::{HttpSd, RawGroup};
use crate::scrape::fetch::{Ask, Client};

const BYTES_MAX: u64 = 64 << 20;

pub(super) async fn run(config: HttpSd, teller: Teller) {
    let client = match Client::new(&config.http, &config.url) {
        Ok(client) => client,
        Err(problem) => {
            teller.tell(News::Failed(problem)).await;
            return;
        }
    };
    loop {
        let news = match ask(&client, &config).await {
            Ok(groups) => News::Groups(groups),
            Err(problem) => News::Failed(problem),
        };
        if !teller.tell(news).await || !teller.rest(config.refresh).await {
            return;
        }
    }
}

async fn ask(client: &Client, config: &HttpSd) -> Result<Vec<Group>, String> {
    let seconds = config.refresh.as_secs().to_string();
    let refresh = HeaderName::from_static("x-prometheus-refresh-interval-seconds");
    let headers = [(ACCEPT, "application/json".to_owned()), (refresh, seconds)];
    let ask = Ask { url: &config.url, headers: &headers, timeout: config.refresh, bytes_max: BYTES_MAX };
    let answer = client.get(ask).await?;
    if !answer.content_type.starts_with("application/json") {
        return Err(format!("the answer is {:?}, not application/json", answer.content_type));
    }
    let raw: Vec<RawGroup> = serde_json::from_slice(&answer.body).map_err(|e| e.to_string())?;
    let numbered = raw.iter().enumerate().map(|(n, raw)| {
        let mut group = raw.group(n.to_string());
        group.labels.set("__meta_url", config.url.as_str());
        group
    });
    Ok(numbered.collect())
}
