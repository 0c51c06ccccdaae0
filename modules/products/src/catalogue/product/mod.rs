//! The rules of the catalogue: what a product may be, and what a change makes of it.
use kernel::{Currency, Patch, Violation, Violations};

use super::fields::{category, description, filled, held, images, tags, variants};
use crate::{
    Image, NewProduct, OptionValue, ProductPatch, ProductStatus, Sku, StockPolicy, Variant,
    forms::{Name, Vendor, limits, slug},
};

/// What a product says of itself; its variants apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Details {
    pub(crate) slug: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) vendor: Option<String>,
    pub(crate) category: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) images: Vec<Image>,
    pub(crate) status: ProductStatus,
}

/// A variant without its stock; amounts in minor units of the shop's currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Draft {
    pub(crate) sku: Sku,
    pub(crate) options: Vec<OptionValue>,
    pub(crate) price: i64,
    pub(crate) compare_at_price: Option<i64>,
    pub(crate) weight_g: i64,
    pub(crate) barcode: Option<String>,
    pub(crate) stock_policy: StockPolicy,
    pub(crate) taxable: bool,
    pub(crate) on_sale: bool,
}

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

impl From<Variant> for Draft {
    fn from(variant: Variant) -> Self {
        Self {
            sku: variant.sku,
            options: variant.options,
            price: variant.price.amount,
            compare_at_price: variant.compare_at_price.map(|before| before.amount),
            weight_g: variant.weight_g,
            barcode: variant.barcode,
            stock_policy: variant.stock_policy,
            taxable: variant.taxable,
            on_sale: variant.on_sale,
        }
    }
}

impl Details {
    /// Nothing yet: what a new product starts from.
    pub(crate) fn empty(slug: String) -> Self {
        let (tags, images, status) = (Vec::new(), Vec::new(), ProductStatus::Active);
        let (name, description, vendor, category) = (String::new(), String::new(), None, None);
        Self { slug, name, description, vendor, category, tags, images, status }
    }

    /// What release 0.1.0 looks for words in, which may run beside this one.
    pub(crate) fn search(&self) -> String {
        let words = [&self.name].into_iter().chain(&self.vendor).chain(&self.tags);
        words.map(|words| slug::fold(words)).collect::<Vec<_>>().join("\n")
    }
}

/// `Small / Red`; empty where there is no choice.
pub(crate) fn variant_name(options: &[OptionValue]) -> String {
    options.iter().map(|option| option.value.as_str()).collect::<Vec<_>>().join(" / ")
}

/// Whether these are the same choices, in whatever order; a variant names none twice.
pub(crate) fn are_twins(some: &[OptionValue], others: &[OptionValue]) -> bool {
    some.len() == others.len() && some.iter().all(|option| others.contains(option))
}

/// The price that a product is sorted by.
pub(crate) fn lowest_price(variants: &[Draft]) -> i64 {
    variants.iter().filter(|variant| variant.on_sale).map(|variant| variant.price).min().unwrap_or_default()
}

#[cfg(test)]
mod tests;
