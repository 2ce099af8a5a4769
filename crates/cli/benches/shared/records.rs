//! Generated pipeline logs: as varied as real ones, and the same at every run.

use std::fmt::Write as _;

use super::random::Random;

const SOURCES: &[&str] = &[
    "Kondado - Blog",
    "Loja Virtual - VTEX",
    "Vendas (São Paulo) - Pipedrive",
    "Facebook Ads",
    "RD Station CRM - Negócios",
    "ERP / Financeiro - PostgreSQL",
    "Google Analytics 4 - Aquisição",
    "HubSpot",
];
const TABLES: &[&str] = &[
    "wp_options",
    "orders",
    "contatos",
    "campaign_stats",
    "lançamentos",
    "deals",
    "sessions",
    "order_items",
];

/// Appends so many records, one a line.
pub fn write(records: u64, out: &mut String) {
    let mut random = Random::new();
    for index in 0..records {
        let pipeline = random.below(5000);
        let id = 5_181_910 + index * 3 + random.below(3);
        let rows = random.up_to_bits(24);
        let millis = 1_600_301_028_108 + index * 700;
        let (day, time) = (millis / 86_400_000, millis % 86_400_000);
        let created = format!(
            "2026-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            1 + day / 28 % 12,
            1 + day % 28,
            time / 3_600_000,
            time / 60_000 % 60,
            time / 1000 % 60,
            time % 1000
        );
        let quote = if random.below(4) > 0 { "\"" } else { "" };
        let source = SOURCES[(pipeline % SOURCES.len() as u64) as usize];
        let table = TABLES[(pipeline / 8 % TABLES.len() as u64) as usize];
        let _ = write!(
            out,
            "{{\"id\":{id},\"client_id\":{},\"pipeline_id\":{pipeline},\"execution_time_seconds\":{quote}{}.{:06}{quote},\
             \"has_deltas\":{},\"pipeline_name\":\"{source} - {table}\",\"row_count\":{quote}{rows}{quote},\
             \"createdAt\":\"{created}\",\"updatedAt\":\"{created}\",",
            1 + pipeline % 40,
            random.up_to_bits(12),
            random.below(1_000_000),
            random.below(2) == 0,
        );
        match random.below(8) {
            0..3 => out.push_str("\"initial_savepoint\":null,\"new_savepoint\":null,"),
            3..7 => {
                let _ = write!(
                    out,
                    "\"initial_savepoint\":\"2026-01-{:02}T00:00:00Z\",\"new_savepoint\":\"{created}\",",
                    1 + index % 28
                );
            }
            _ => {
                let _ = write!(
                    out,
                    "\"initial_savepoint\":\"{}\",\"new_savepoint\":\"{}\",",
                    rows,
                    rows + index
                );
            }
        }
        let _ = write!(
            out,
            "\"external_ip\":\"3.220.{}.{}\",\"is_billable\":{}",
            random.below(256),
            random.below(256),
            random.below(5) > 0
        );
        if random.below(10) > 0 {
            let _ = write!(
                out,
                ",\"raw_row_count\":{quote}{rows}{quote},\"mb_estimate\":{quote}{}.{:05}{quote}",
                rows / 4000,
                random.below(100_000)
            );
        }
        out.push_str("}\n");
    }
}
