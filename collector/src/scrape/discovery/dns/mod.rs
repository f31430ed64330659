//! `dns_sd_configs`: names of which each record is a target.

mod message;
mod resolver;

use super::{Group, LabelMap, News, Teller};
use crate::scrape::config::{Dns, DnsKind};
use message::Record;
use resolver::Resolver;

pub(super) async fn run(config: Dns, teller: Teller) {
    loop {
        let news = match ask(&config).await {
            Ok(groups) => News::Groups(groups),
            Err(problem) => News::Failed(problem),
        };
        if !teller.tell(news).await || !teller.rest(config.refresh).await {
            return;
        }
    }
}

async fn ask(config: &Dns) -> Result<Vec<Group>, String> {
    let resolver = Resolver::of_system()?;
    let mut groups = Vec::new();
    for name in &config.names {
        let records = resolver.lookup(name, config.kind).await.map_err(|e| format!("{name}: {e}"))?;
        groups.push(group(name, config, &records));
    }
    Ok(groups)
}

fn group(name: &str, config: &Dns, records: &[Record]) -> Group {
    let targets = records.iter().filter_map(|record| target(record, config)).collect();
    let labels = [("__meta_dns_name", name)].into_iter().collect();
    Group { source: name.to_owned(), targets, labels }
}

fn target(record: &Record, config: &Dns) -> Option<LabelMap> {
    let plain = |host: &str| host.trim_end_matches('.').to_owned();
    let (address, told) = match (record, config.kind) {
        (Record::A(ip), DnsKind::A) => (format!("{ip}:{}", config.port), None),
        (Record::Aaaa(ip), DnsKind::Aaaa) => (format!("[{ip}]:{}", config.port), None),
        (Record::Srv { target, port }, DnsKind::Srv) => {
            (format!("{}:{port}", plain(target)), Some(("__meta_dns_srv_record_target", target)))
        }
        (Record::Mx(target), DnsKind::Mx) => {
            (format!("{}:{}", plain(target), config.port), Some(("__meta_dns_mx_record_target", target)))
        }
        (Record::Ns(target), DnsKind::Ns) => {
            (format!("{}:{}", plain(target), config.port), Some(("__meta_dns_ns_record_target", target)))
        }
        _ => return None,
    };
    let mut labels: LabelMap = [("__address__", address)].into_iter().collect();
    if let Some((name, target)) = told {
        labels.set(name, target.as_str());
    }
    if let Record::Srv { port, .. } = record {
        labels.set("__meta_dns_srv_record_port", port.to_string());
    }
    Some(labels)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_record_is_a_target() {
        let config = Dns { names: Vec::new(), kind: DnsKind::Srv, port: 0, refresh: Duration::from_secs(30) };
        let records = [
            Record::Srv { target: "db-0.example.org.".into(), port: 9100 },
            Record::A("192.0.2.1".parse().unwrap()),
        ];
        let found = group("_m._tcp.example.org", &config, &records);
        assert_eq!(found.labels.get("__meta_dns_name"), "_m._tcp.example.org");
        let [target] = found.targets.as_slice() else { panic!("{found:?}") };
        assert_eq!(target.get("__address__"), "db-0.example.org:9100");
        assert_eq!(target.get("__meta_dns_srv_record_target"), "db-0.example.org.");
        let config = Dns { kind: DnsKind::A, port: 9100, ..config };
        assert_eq!(group("a", &config, &records).targets[0].get("__address__"), "192.0.2.1:9100");
    }
}
