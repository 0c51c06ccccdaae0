//! Changes: what is asked for, whether it may be, and what it makes of a product.
use std::collections::HashSet;

use kernel::{Currency, Patch, Violation, Violations};

use super::{
    fields::{amount, at_most, category, description, filled, held, images, options, tags},
    product::{Details, Draft, are_twins},
};
use crate::{
    Image, NewProduct, OptionValue, ProductPatch, ProductStatus, Sku, StockPolicy, VariantPatch,
    forms::{self, Name, Vendor, limits, slug},
};

/// A change whose every value is allowed; what is absent stays. A new product is a change of an empty one.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) slug: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) vendor: Patch<String>,
    pub(crate) category: Patch<String>,
    pub(crate) tags: Option<Vec<String>>,
    pub(crate) images: Option<Vec<Image>>,
    pub(crate) status: Option<ProductStatus>,
    pub(crate) variants: Vec<VariantChange>,
}

/// A change of a variant, likewise; amounts in minor units of the shop's currency.
#[derive(Debug, Clone)]
pub(crate) struct VariantChange {
    pub(crate) sku: Sku,
    pub(crate) options: Option<Vec<OptionValue>>,
    pub(crate) price: Option<i64>,
    pub(crate) compare_at_price: Patch<i64>,
    pub(crate) weight_g: Option<i64>,
    pub(crate) barcode: Patch<String>,
    pub(crate) stock_policy: Option<StockPolicy>,
    pub(crate) taxable: Option<bool>,
    pub(crate) on_sale: Option<bool>,
    /// How many are on hand, should it be new.
    pub(crate) on_hand: i64,
}

impl Change {
    /// What `patch` asks for, or everything that is wrong with it.
    pub(crate) fn read(patch: ProductPatch, currency: Currency) -> Result<Self, Violations> {
        let mut checks = Violations::new();
        let change = Self {
            slug: held(&mut checks, "/slug", patch.slug, |given| slug::parse(&given)),
            name: held(&mut checks, "/name", patch.name, |given| Name::read(&given)),
            description: patch
                .description
                .or_empty(String::new())
                .and_then(|given| checks.field("/description", description(&given))),
            vendor: filled(&mut checks, "/vendor", patch.vendor, |given| Vendor::filled(&given)),
            category: filled(&mut checks, "/category", patch.category, |given| category(&given)),
            tags: patch.tags.or_empty(Vec::new()).map(|given| tags(&mut checks, given)),
            images: patch.images.or_empty(Vec::new()).map(|given| images(&mut checks, given)),
            status: held(&mut checks, "/status", patch.status, Ok),
            variants: variants(&mut checks, patch.variants, currency),
        };
        checks.finish(Some(change))
    }

    /// What `product` asks for; its slug is absent if it has to be made from the name.
    pub(crate) fn of_new(product: NewProduct, currency: Currency) -> Result<Self, Violations> {
        let change = Self::read(product.into(), currency)?;
        change.complete()?;
        Ok(change)
    }

    /// Refuses what no product can be made of; that each variant has a price, `merge` sees to.
    pub(crate) fn complete(&self) -> Result<(), Violations> {
        let mut checks = Violations::new();
        checks.ensure(self.name.is_some(), "/name", "required", "a new product needs a name");
        checks.ensure(!self.variants.is_empty(), "/variants", "required", "must have at least one variant");
        checks.finish(Some(()))
    }

    /// What becomes of `details`.
    pub(crate) fn apply(&self, details: Details) -> Details {
        Details {
            slug: self.slug.clone().unwrap_or(details.slug),
            name: self.name.clone().unwrap_or(details.name),
            description: self.description.clone().unwrap_or(details.description),
            vendor: self.vendor.clone().apply(details.vendor),
            category: self.category.clone().apply(details.category),
            tags: self.tags.clone().unwrap_or(details.tags),
            images: self.images.clone().unwrap_or(details.images),
            status: self.status.unwrap_or(details.status),
        }
    }

    /// How many of a new variant are on hand.
    pub(crate) fn on_hand(&self, sku: &Sku) -> i64 {
        self.variants.iter().find(|variant| variant.sku == *sku).map_or(0, |variant| variant.on_hand)
    }

    /// What becomes of `variants`: those with a known SKU change, the others are added, none goes.
    pub(crate) fn merge(&self, mut variants: Vec<Draft>) -> Result<Vec<Draft>, Violations> {
        let mut checks = Violations::new();
        let mut chosen = Vec::new();
        for (index, change) in self.variants.iter().enumerate() {
            if let Some(known) = variants.iter_mut().find(|known| known.sku == change.sku) {
                let after = change.apply(known.clone());
                chosen.extend((after.options != known.options).then_some((index, change)));
                *known = after;
            } else {
                let new = change.begin().ok_or_else(|| Violation::new("required", "a new variant needs a price"));
                variants.extend(checks.field(format!("/variants/{index}/price"), new));
                chosen.push((index, change));
            }
        }
        checks.ensure(
            variants.len() <= limits::VARIANTS,
            "/variants",
            "too_many",
            format!("at most {}", limits::VARIANTS),
        );
        // Only now, for what counts is how they end up.
        for (index, change) in chosen {
            let Some(one) = variants.iter().find(|known| known.sku == change.sku) else { continue };
            let twin = variants.iter().any(|other| other.sku != one.sku && are_twins(&other.options, &one.options));
            let pointer = format!("/variants/{index}/options");
            checks.ensure(!twin, pointer, "duplicate_options", "another variant of the product has the same options");
        }
        // Whose product is not sold at all archives it, or makes it a draft: then lists know.
        let off = self.variants.iter().rposition(|change| change.on_sale == Some(false));
        let on_sale = variants.is_empty() || variants.iter().any(|variant| variant.on_sale);
        checks.ensure(
            on_sale || off.is_none(),
            format!("/variants/{}/on_sale", off.unwrap_or_default()),
            "last_on_sale",
            "a product has a variant that is on sale; archive the product instead",
        );
        checks.finish(Some(variants))
    }
}

impl VariantChange {
    /// What `given` asks for; what is wrong with it is noted below `at`.
    fn read(checks: &mut Violations, at: &str, given: VariantPatch, currency: Currency) -> Option<Self> {
        let sku = checks.field(format!("{at}/sku"), given.sku.parse::<Sku>());
        let price = held(checks, &format!("{at}/price"), given.price, |price| amount(price, currency));
        let before = format!("{at}/compare_at_price");
        let compare_at_price =
            filled(checks, &before, given.compare_at_price, |before| amount(before, currency).map(Some));
        let weight = given.weight_g.or_empty(0).map(forms::Weight::read).transpose();
        let weight_g = checks.field(format!("{at}/weight_g"), weight).flatten();
        let barcode =
            filled(checks, &format!("{at}/barcode"), given.barcode, |barcode| forms::Barcode::filled(&barcode));
        let on_hand = checks.field(format!("{at}/on_hand"), forms::OnHand::read(given.on_hand.value().unwrap_or(0)));
        let options = given.options.or_empty(Vec::new()).map(|given| options(checks, at, given));
        let stock_policy = held(checks, &format!("{at}/stock_policy"), given.stock_policy, Ok);
        let taxable = held(checks, &format!("{at}/taxable"), given.taxable, Ok);
        let on_sale = held(checks, &format!("{at}/on_sale"), given.on_sale, Ok);
        Some(Self {
            sku: sku?,
            options,
            price,
            compare_at_price,
            weight_g,
            barcode,
            stock_policy,
            taxable,
            on_sale,
            on_hand: on_hand.unwrap_or_default(),
        })
    }

    /// What becomes of `variant`.
    fn apply(&self, variant: Draft) -> Draft {
        Draft {
            sku: variant.sku,
            options: self.options.clone().unwrap_or(variant.options),
            price: self.price.unwrap_or(variant.price),
            compare_at_price: self.compare_at_price.apply(variant.compare_at_price),
            weight_g: self.weight_g.unwrap_or(variant.weight_g),
            barcode: self.barcode.clone().apply(variant.barcode),
            stock_policy: self.stock_policy.unwrap_or(variant.stock_policy),
            taxable: self.taxable.unwrap_or(variant.taxable),
            on_sale: self.on_sale.unwrap_or(variant.on_sale),
        }
    }

    /// The variant that it makes; none without a price.
    fn begin(&self) -> Option<Draft> {
        let price = self.price?;
        Some(self.apply(Draft {
            sku: self.sku.clone(),
            options: Vec::new(),
            price,
            compare_at_price: None,
            weight_g: 0,
            barcode: None,
            stock_policy: StockPolicy::Deny,
            taxable: true,
            on_sale: true,
        }))
    }
}

/// Changes of variants, each SKU once.
fn variants(checks: &mut Violations, given: Patch<Vec<VariantPatch>>, currency: Currency) -> Vec<VariantChange> {
    let given = held(checks, "/variants", given, Ok).unwrap_or_default();
    at_most(checks, "/variants", given.len(), limits::VARIANTS);
    let mut seen = HashSet::new();
    let mut variants = Vec::new();
    for (index, variant) in given.into_iter().take(limits::VARIANTS).enumerate() {
        let at = format!("/variants/{index}");
        let Some(variant) = VariantChange::read(checks, &at, variant, currency) else { continue };
        let new = seen.insert(variant.sku.clone());
        checks.ensure(new, format!("{at}/sku"), "duplicate_sku", "is the SKU of another variant of this request");
        variants.push(variant);
    }
    variants
}

#[cfg(test)]
mod tests;
