//! What an e-mail says: templates, filled in.
use kernel::Money;
use minijinja::{Environment, Error, UndefinedBehavior, context, value::ViaDeserialize};
use orders::Order;
use serde::{Deserialize, Serialize};

use crate::domain::Kind;

/// The templates. Those that end in `.html` escape what is put into them.
const TEMPLATES: [(&str, &str); 12] = [
    ("layout.html", include_str!("../templates/layout.html")),
    ("layout.txt", include_str!("../templates/layout.txt")),
    ("lines.html", include_str!("../templates/lines.html")),
    ("lines.txt", include_str!("../templates/lines.txt")),
    ("order_cancelled.html", include_str!("../templates/order_cancelled.html")),
    ("order_cancelled.txt", include_str!("../templates/order_cancelled.txt")),
    ("order_confirmed.html", include_str!("../templates/order_confirmed.html")),
    ("order_confirmed.txt", include_str!("../templates/order_confirmed.txt")),
    ("order_refunded.html", include_str!("../templates/order_refunded.html")),
    ("order_refunded.txt", include_str!("../templates/order_refunded.txt")),
    ("order_shipped.html", include_str!("../templates/order_shipped.html")),
    ("order_shipped.txt", include_str!("../templates/order_shipped.txt")),
];

/// What e-mails say of the shop.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Shop {
    pub(crate) shop_name: String,
    pub(crate) shop_url: String,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Email {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

/// What e-mails are rendered from.
pub(crate) struct Templates {
    environment: Environment<'static>,
    shop: Shop,
}

impl Templates {
    pub(crate) fn new(shop: Shop) -> Result<Self, Error> {
        let mut environment = Environment::new();
        // A name that is misspelt in a template is an error, and not a gap in somebody's mail.
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.add_filter("money", |ViaDeserialize(money): ViaDeserialize<Money>| money.to_string());
        for (name, source) in TEMPLATES {
            environment.add_template(name, source)?;
        }
        Ok(Self { environment, shop })
    }

    /// The e-mail that tells `kind` of an order.
    pub(crate) fn render(&self, kind: Kind, order: &Order) -> Result<Email, Error> {
        let subject = kind.subject(&order.number);
        let values = context! { order, subject, shop => self.shop };
        let body = |extension: &str| {
            let name = format!("{}.{extension}", kind.name());
            self.environment.get_template(&name)?.render(&values)
        };
        let (text, html) = (body("txt")?, body("html")?);
        Ok(Email { subject, text, html })
    }
}
