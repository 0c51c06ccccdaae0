//! What a message says: templates, filled in.
use kernel::Money;
use minijinja::{Environment, Error, UndefinedBehavior, context, value::ViaDeserialize};
use orders::Order;

use crate::{Shop, domain::Kind};

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

/// A message, written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

/// Writes letters.
pub(crate) struct Writer {
    templates: Environment<'static>,
    shop: Shop,
}

impl Writer {
    pub(crate) fn new(shop: Shop) -> Result<Self, Error> {
        let mut templates = Environment::new();
        // A name that is misspelt in a template is an error, and not a gap in somebody's mail.
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        templates.set_trim_blocks(true);
        templates.set_lstrip_blocks(true);
        templates.add_filter("money", |ViaDeserialize(money): ViaDeserialize<Money>| money.to_string());
        for (name, source) in TEMPLATES {
            templates.add_template(name, source)?;
        }
        Ok(Self { templates, shop })
    }

    /// The letter that tells `kind` of an order.
    pub(crate) fn write(&self, kind: Kind, order: &Order) -> Result<Letter, Error> {
        let subject = kind.subject(&order.number);
        let values = context! { order, subject, shop => self.shop };
        let body = |extension: &str| {
            let name = format!("{}.{extension}", kind.name());
            self.templates.get_template(&name)?.render(&values)
        };
        let (text, html) = (body("txt")?, body("html")?);
        Ok(Letter { subject, text, html })
    }
}
