//! The pipelines and models that run: made up, in the manner of real ones.
//!
//! Names are free text that people type. Most read `<account> - <source> - <table>`, and some do not.

/// A pipeline.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pipeline {
    /// The account that it belongs to.
    pub client: u64,
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: &'static str,
    /// How it remembers where it stopped.
    pub savepoint: Savepoint,
    /// Rows that a run usually loads.
    pub rows: u64,
}

/// What a savepoint looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Savepoint {
    /// There is none: everything is read on each run.
    Full,
    /// A day.
    Date,
    /// A moment.
    Time,
    /// The value of a numeric column.
    Number,
    /// Something of the source's own.
    Cursor,
}

/// A model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Model {
    /// The account that it belongs to.
    pub client: u64,
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: &'static str,
    /// Rows of the table that it makes.
    pub rows: u64,
}

/// Addresses of the servers that run pipelines.
pub(crate) const SERVERS: [&str; 5] = [
    "3.220.239.218",
    "34.197.81.5",
    "52.7.190.44",
    "54.164.28.113",
    "18.213.6.201",
];

const fn pipeline(client: u64, id: u64, name: &'static str, savepoint: Savepoint, rows: u64) -> Pipeline {
    Pipeline {
        client,
        id,
        name,
        savepoint,
        rows,
    }
}

const fn model(client: u64, id: u64, name: &'static str, rows: u64) -> Model {
    Model { client, id, name, rows }
}

/// The pipelines, those that run often first.
pub(crate) const PIPELINES: [Pipeline; 40] = [
    pipeline(318, 2040, "Loja São João - Bling! - pedidos", Savepoint::Time, 180),
    pipeline(
        318,
        2041,
        "Loja São João - Bling! - itens do pedido",
        Savepoint::Time,
        640,
    ),
    pipeline(
        4127,
        98_114,
        "Clínica Bem-Estar - RD Station CRM - negociações",
        Savepoint::Time,
        75,
    ),
    pipeline(
        10_233,
        412_007,
        "Grupo Araújo - MySQL - app.orders",
        Savepoint::Number,
        5_200,
    ),
    pipeline(
        10_233,
        412_008,
        "Grupo Araújo - MySQL - app.order_items",
        Savepoint::Number,
        17_500,
    ),
    pipeline(1, 702, "Kondado - Blog - wp_options", Savepoint::Full, 256),
    pipeline(1, 703, "Kondado - Blog - wp_posts", Savepoint::Time, 12),
    pipeline(318, 2055, "Loja São João - Google Ads - campanhas", Savepoint::Date, 44),
    pipeline(
        318,
        2056,
        "Loja São João - Google Ads - palavras-chave",
        Savepoint::Date,
        2_300,
    ),
    pipeline(18_904, 835_212, "Webhook checkout 🛒", Savepoint::Cursor, 9),
    pipeline(
        18_904,
        835_213,
        "Webhook carrinho abandonado 🛒❌",
        Savepoint::Cursor,
        3,
    ),
    pipeline(
        4127,
        98_120,
        "Clínica Bem-Estar - Facebook Ads - insights/dia",
        Savepoint::Date,
        310,
    ),
    pipeline(
        4127,
        98_121,
        "Clínica Bem-Estar - Instagram - mídia",
        Savepoint::Full,
        88,
    ),
    pipeline(
        10_233,
        412_015,
        "Grupo Araújo - PostgreSQL - public.clientes",
        Savepoint::Number,
        940,
    ),
    pipeline(
        10_233,
        412_016,
        "Grupo Araújo - PostgreSQL - public.endereços",
        Savepoint::Number,
        1_100,
    ),
    pipeline(
        10_233,
        412_020,
        "Grupo Araújo - MongoDB - eventos",
        Savepoint::Cursor,
        48_000,
    ),
    pipeline(1, 911, "Kondado - Pipedrive - deals", Savepoint::Time, 37),
    pipeline(1, 912, "Kondado - Pipedrive - activities", Savepoint::Time, 120),
    pipeline(
        318,
        2101,
        "Loja São João - GA4 - sessões | origem / mídia",
        Savepoint::Date,
        870,
    ),
    pipeline(
        318,
        2102,
        "Loja São João - Search Console - consultas",
        Savepoint::Date,
        4_100,
    ),
    pipeline(
        4127,
        98_133,
        "Clínica Bem-Estar - ContaAzul - lançamentos",
        Savepoint::Date,
        260,
    ),
    pipeline(
        4127,
        98_134,
        "Clínica Bem-Estar - ContaAzul - clientes",
        Savepoint::Full,
        3_650,
    ),
    pipeline(18_904, 835_230, "HubSpot contacts", Savepoint::Time, 1_450),
    pipeline(18_904, 835_231, "HubSpot deals (not \"archived\")", Savepoint::Time, 96),
    pipeline(
        18_904,
        835_232,
        "HubSpot - companies - v2 - DO NOT DELETE",
        Savepoint::Full,
        2_210,
    ),
    pipeline(
        10_233,
        412_031,
        "Grupo Araújo - Mercado Livre - anúncios",
        Savepoint::Full,
        7_800,
    ),
    pipeline(
        10_233,
        412_032,
        "Grupo Araújo - Mercado Livre - vendas",
        Savepoint::Time,
        330,
    ),
    pipeline(318, 2130, "Loja São João - ASAAS - cobranças", Savepoint::Date, 58),
    pipeline(
        318,
        2131,
        "Loja São João - Planilha: metas 2026 (não mexer!)",
        Savepoint::Full,
        24,
    ),
    pipeline(1, 1203, "Kondado - Toggl - time_entries", Savepoint::Date, 66),
    pipeline(1, 1204, "Kondado - Jira - issues", Savepoint::Time, 41),
    pipeline(
        4127,
        98_150,
        "Clínica Bem-Estar - ActiveCampaign - e-mails",
        Savepoint::Full,
        15_300,
    ),
    pipeline(18_904, 835_250, "ClickUp → tarefas", Savepoint::Time, 73),
    pipeline(
        18_904,
        835_251,
        "Salesforce - Opportunity - Brasil & América Latina",
        Savepoint::Time,
        155,
    ),
    pipeline(
        10_233,
        412_044,
        "Grupo Araújo - SQL Server - dbo.NF-e",
        Savepoint::Number,
        2_950,
    ),
    pipeline(
        10_233,
        412_045,
        "Grupo Araújo - FTP - estoque\\lojas.csv",
        Savepoint::Full,
        61_000,
    ),
    pipeline(318, 2160, "teste", Savepoint::Full, 1),
    pipeline(
        4127,
        98_177,
        "Cópia de Clínica Bem-Estar - Meetime - ligações",
        Savepoint::Time,
        205,
    ),
    pipeline(
        18_904,
        835_270,
        "Hotmart - vendas 🔥 - coprodução",
        Savepoint::Date,
        118,
    ),
    pipeline(1, 1377, "Kondado - Logs - pipelines", Savepoint::Number, 1_900),
];

/// The models, those that run often first.
pub(crate) const MODELS: [Model; 10] = [
    model(1, 162, "Kondado - Leads", 4_915),
    model(318, 240, "Loja São João - vendas por dia", 1_120),
    model(10_233, 377, "Grupo Araújo - DRE gerencial", 38_400),
    model(4127, 391, "Funil: negociações × campanhas", 9_870),
    model(318, 241, "Loja São João - curva ABC", 2_604),
    model(18_904, 802, "receita_recorrente_mensal", 730),
    model(10_233, 378, "Grupo Araújo - estoque - ruptura ⚠️", 12_050),
    model(1, 163, "Kondado - Uso de \"pipelines\" por cliente", 15_220),
    model(4127, 395, "pacientes ativos (90d)", 6_412),
    model(18_904, 815, "Modelo sem título", 0),
];
