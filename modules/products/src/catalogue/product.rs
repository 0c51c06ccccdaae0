//! A product and its variants as the rules see them.
use crate::{Image, OptionValue, ProductStatus, Sku, StockPolicy, Variant, forms::slug};

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
