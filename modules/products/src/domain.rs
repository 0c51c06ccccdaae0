//! The rules of the catalogue: what a product may be, and what a change makes of it.
use kernel::{Checks, Currency, Invalid, text};

use crate::{
    Image, NewProduct, OptionValue, ProductPatch, ProductStatus, Sku, Variant,
    fields::{MAX_VARIANTS, category, description, images, tags, variants},
    slug,
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
}

/// A change whose every value is allowed. A new product is a change of an empty one.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) slug: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    /// Empty for nobody.
    pub(crate) vendor: Option<String>,
    /// Empty for none.
    pub(crate) category: Option<String>,
    pub(crate) tags: Option<Vec<String>>,
    pub(crate) images: Option<Vec<Image>>,
    pub(crate) status: Option<ProductStatus>,
    /// Each with how many are on hand, should it be new.
    pub(crate) variants: Vec<(Draft, i64)>,
}

impl Change {
    /// What `patch` asks for, or everything that is wrong with it.
    pub(crate) fn read(patch: ProductPatch, currency: Currency) -> Result<Self, Invalid> {
        let mut checks = Checks::new();
        let change = Self {
            slug: patch.slug.and_then(|given| checks.field("/slug", slug::parse(&given))),
            name: patch.name.and_then(|given| checks.field("/name", text(&given, 1, 200))),
            description: patch.description.and_then(|given| checks.field("/description", description(&given))),
            vendor: patch.vendor.and_then(|given| checks.field("/vendor", text(&given, 0, 100))),
            category: patch.category.and_then(|given| checks.field("/category", category(&given))),
            tags: patch.tags.map(|given| tags(&mut checks, given)),
            images: patch.images.map(|given| images(&mut checks, given)),
            status: patch.status,
            variants: variants(&mut checks, patch.variants.unwrap_or_default(), currency),
        };
        checks.finish(Some(change))
    }

    /// What `product` asks for; its slug is absent if it has to be made from the name.
    pub(crate) fn of_new(product: NewProduct, currency: Currency) -> Result<Self, Invalid> {
        if product.variants.is_empty() {
            return Err(Invalid::one("/variants", "required", "must have at least one variant"));
        }
        let patch = ProductPatch {
            slug: product.slug,
            name: Some(product.name),
            description: Some(product.description),
            vendor: Some(product.vendor.unwrap_or_default()),
            category: Some(product.category.unwrap_or_default()),
            tags: Some(product.tags),
            images: Some(product.images),
            status: product.status,
            variants: Some(product.variants),
        };
        Self::read(patch, currency)
    }

    /// What becomes of `details`.
    pub(crate) fn apply(&self, details: Details) -> Details {
        let emptied = |new: &Option<String>, old| match new {
            Some(new) => Some(new.clone()).filter(|new| !new.is_empty()),
            None => old,
        };
        Details {
            slug: self.slug.clone().unwrap_or(details.slug),
            name: self.name.clone().unwrap_or(details.name),
            description: self.description.clone().unwrap_or(details.description),
            vendor: emptied(&self.vendor, details.vendor),
            category: emptied(&self.category, details.category),
            tags: self.tags.clone().unwrap_or(details.tags),
            images: self.images.clone().unwrap_or(details.images),
            status: self.status.unwrap_or(details.status),
        }
    }

    /// How many of a new variant are on hand.
    pub(crate) fn on_hand(&self, sku: &Sku) -> i64 {
        self.variants.iter().find(|(draft, _)| draft.sku == *sku).map_or(0, |(_, on_hand)| *on_hand)
    }

    /// What becomes of `variants`: those with a known SKU change, the others are added, none goes.
    pub(crate) fn merge(&self, mut variants: Vec<Draft>) -> Result<Vec<Draft>, Invalid> {
        let mut checks = Checks::new();
        for (draft, _) in &self.variants {
            match variants.iter_mut().find(|known| known.sku == draft.sku) {
                Some(known) => known.clone_from(draft),
                None => variants.push(draft.clone()),
            }
        }
        checks.ensure(variants.len() <= MAX_VARIANTS, "/variants", "too_many", format!("at most {MAX_VARIANTS}"));
        for (index, (draft, _)) in self.variants.iter().enumerate() {
            let twin = variants.iter().any(|other| other.sku != draft.sku && other.options == draft.options);
            let pointer = format!("/variants/{index}/options");
            checks.ensure(!twin, pointer, "duplicate_options", "another variant of the product has the same options");
        }
        checks.finish(Some(variants))
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

    /// What words are looked for in.
    pub(crate) fn search(&self) -> String {
        let words = [&self.name].into_iter().chain(&self.vendor).chain(&self.tags);
        words.map(|words| slug::fold(words)).collect::<Vec<_>>().join("\n")
    }
}

/// `Small / Red`; empty where there is no choice.
pub(crate) fn variant_name(options: &[OptionValue]) -> String {
    options.iter().map(|option| option.value.as_str()).collect::<Vec<_>>().join(" / ")
}

/// The price that a product is sorted by.
pub(crate) fn lowest_price(variants: &[Draft]) -> i64 {
    variants.iter().map(|variant| variant.price).min().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use kernel::Money;

    use super::*;
    use crate::NewVariant;

    fn euro() -> Currency {
        "EUR".parse().unwrap()
    }

    fn variant(sku: &str, size: &str) -> NewVariant {
        NewVariant {
            sku: sku.into(),
            options: vec![OptionValue { name: "Size".into(), value: size.into() }],
            price: Money::new(1999, euro()),
            compare_at_price: None,
            weight_g: 0,
            barcode: None,
            on_hand: 0,
        }
    }

    fn change(patch: ProductPatch) -> Change {
        Change::read(patch, euro()).unwrap()
    }

    #[test]
    fn what_is_absent_stays_and_what_is_empty_goes() {
        let before =
            Details { vendor: Some("Stoa".into()), category: Some("men".into()), ..Details::empty("a".into()) };
        assert_eq!(change(ProductPatch::default()).apply(before.clone()), before);
        let patch = ProductPatch { vendor: Some(" ".into()), category: Some(String::new()), ..ProductPatch::default() };
        let after = change(patch).apply(before);
        assert_eq!((after.vendor, after.category, &*after.slug), (None, None, "a"));
    }

    #[test]
    fn variants_change_and_are_added_but_never_go() {
        let with = |variants| change(ProductPatch { variants: Some(variants), ..ProductPatch::default() });
        let before = with(vec![variant("A", "S"), variant("B", "M")]).merge(vec![]).unwrap();
        let after = with(vec![variant("C", "XL"), variant("B", "L")]).merge(before.clone()).unwrap();
        let names: Vec<_> = after.iter().map(|draft| (draft.sku.as_str(), variant_name(&draft.options))).collect();
        assert_eq!(names, [("A", "S".into()), ("B", "L".into()), ("C", "XL".into())]);
        let twin = with(vec![variant("C", "L"), variant("D", "S")]).merge(before.clone()).unwrap_err();
        assert_eq!((&*twin.0[0].pointer, &*twin.0[0].code), ("/variants/1/options", "duplicate_options"));
        let swapped = with(vec![variant("A", "M"), variant("B", "S")]).merge(before);
        assert!(swapped.is_ok(), "what counts is how they end up");
    }

    #[test]
    fn words_are_looked_for_in_name_vendor_and_tags() {
        let details = Details {
            name: "Käse".into(),
            vendor: Some("STOA".into()),
            tags: vec!["Été".into()],
            ..Details::empty("a".into())
        };
        assert_eq!(details.search(), "kase\nstoa\nete");
    }
}
