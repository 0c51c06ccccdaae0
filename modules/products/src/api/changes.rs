//! What staff and imports ask of the catalogue: products to create, and changes of those there are.
use kernel::{Listed, Money, Patch};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Image, OptionValue, ProductStatus, Sku, StockPolicy, forms,
    forms::{Slug, limits},
};

type Images = Listed<Image, 0, { limits::IMAGES }>;
type Options = Listed<OptionValue, 0, { limits::OPTIONS }>;
type NewVariants = Listed<NewVariant, 1, { limits::VARIANTS }>;
type Variants = Listed<VariantPatch, 0, { limits::VARIANTS }>;

/// A product to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProduct {
    /// Its name in addresses and files, in any script; made from the name, in Latin letters, where absent.
    #[schema(value_type = Option<Slug>)]
    pub slug: Option<String>,
    /// What the customer sees.
    #[schema(value_type = forms::Name, inline)]
    pub name: String,
    /// HTML; what is dangerous in it is removed.
    #[serde(default)]
    #[schema(value_type = forms::Html, inline, required = false)]
    pub description: String,
    /// Who makes it.
    #[schema(value_type = Option<forms::Vendor>, inline)]
    pub vendor: Option<String>,
    /// The slug of its category; it must exist.
    #[schema(value_type = Option<forms::Shelf>, inline)]
    pub category: Option<String>,
    /// Words to find it by.
    #[serde(default)]
    #[schema(value_type = forms::Tags, inline, required = false)]
    pub tags: Vec<String>,
    /// Pictures, the main one first.
    #[serde(default)]
    #[schema(value_type = Images, inline, required = false)]
    pub images: Vec<Image>,
    /// What can be bought, at least one.
    // Its absence is refused by the module, and so after the caller's rights are known.
    #[serde(default)]
    #[schema(value_type = NewVariants, inline, required = true)]
    pub variants: Vec<NewVariant>,
    /// Active where absent.
    pub status: Option<ProductStatus>,
}

/// A variant to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewVariant {
    /// Its stock keeping unit.
    #[schema(value_type = Sku)]
    pub sku: String,
    /// The choices that tell it from its siblings.
    #[serde(default)]
    #[schema(value_type = Options, inline, required = false)]
    pub options: Vec<OptionValue>,
    /// The price of one.
    #[schema(value_type = forms::Price, inline)]
    pub price: Money,
    /// The price it had before.
    #[schema(value_type = Option<forms::Price>, inline)]
    pub compare_at_price: Option<Money>,
    /// In grams.
    #[serde(default)]
    #[schema(value_type = forms::Weight, inline, required = false)]
    pub weight_g: i64,
    /// The number under its bar code.
    #[schema(value_type = Option<forms::Barcode>, inline)]
    pub barcode: Option<String>,
    /// How many are on hand to begin with.
    #[serde(default)]
    #[schema(value_type = forms::OnHand, inline, required = false)]
    pub on_hand: i64,
    /// What happens when there are none; `deny` where absent.
    pub stock_policy: Option<StockPolicy>,
    /// Whether it is taxed; it is where absent.
    pub taxable: Option<bool>,
    /// Whether it can be bought; it can where absent.
    pub on_sale: Option<bool>,
}

/// What to change of a product: what is absent stays, and `null` empties what may be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductPatch {
    /// Its new name in addresses.
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    #[schema(value_type = Slug, required = false)]
    pub slug: Patch<String>,
    /// Its new name.
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    #[schema(value_type = forms::Name, inline, required = false)]
    pub name: Patch<String>,
    /// HTML; what is dangerous in it is removed.
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    #[schema(value_type = Option<forms::Html>, inline)]
    pub description: Patch<String>,
    /// Who makes it; empty, as null, for nobody.
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    #[schema(value_type = Option<forms::Vendor>, inline)]
    pub vendor: Patch<String>,
    /// The slug of its category; empty, as null, for none.
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    #[schema(value_type = Option<forms::Shelf>, inline)]
    pub category: Patch<String>,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    #[schema(value_type = Option<forms::Tags>, inline)]
    pub tags: Patch<Vec<String>>,
    /// Pictures, the main one first.
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    #[schema(value_type = Option<Images>, inline)]
    pub images: Patch<Vec<Image>>,
    /// Whether customers see it.
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    #[schema(value_type = ProductStatus, required = false)]
    pub status: Patch<ProductStatus>,
    /// Changes of its variants, and variants to add; those that are not named stay.
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    #[schema(value_type = Variants, inline, required = false)]
    pub variants: Patch<Vec<VariantPatch>>,
}

/// What to change of a variant, or one to add: what is absent stays, and `null` empties what may be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VariantPatch {
    /// Its stock keeping unit. One that the product does not have yet is added.
    #[schema(value_type = Sku)]
    pub sku: String,
    /// The choices that tell it from its siblings.
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    #[schema(value_type = Option<Options>, inline)]
    pub options: Patch<Vec<OptionValue>>,
    /// The price of one; needed for a variant that is new.
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    #[schema(value_type = forms::Price, inline, required = false)]
    pub price: Patch<Money>,
    /// The price it had before.
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    #[schema(value_type = Option<forms::Price>, inline)]
    pub compare_at_price: Patch<Money>,
    /// In grams; null for 0.
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    #[schema(value_type = Option<forms::Weight>, inline)]
    pub weight_g: Patch<i64>,
    /// The number under its bar code; empty, as null, for none.
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    #[schema(value_type = Option<forms::Barcode>, inline)]
    pub barcode: Patch<String>,
    /// How many are on hand to begin with. The stock of a variant that there is already is not touched.
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    #[schema(value_type = Option<forms::OnHand>, inline)]
    pub on_hand: Patch<i64>,
    /// What happens when there are none.
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    #[schema(value_type = StockPolicy, required = false)]
    pub stock_policy: Patch<StockPolicy>,
    /// Whether it is taxed.
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    #[schema(value_type = bool, required = false)]
    pub taxable: Patch<bool>,
    /// Whether it can be bought. One of the product's variants must be.
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    #[schema(value_type = bool, required = false)]
    pub on_sale: Patch<bool>,
}

/// Names every field: what `product` does not say is emptied.
impl From<NewProduct> for ProductPatch {
    fn from(product: NewProduct) -> Self {
        Self {
            slug: given(product.slug),
            name: Patch::Value(product.name),
            description: Patch::Value(product.description),
            vendor: product.vendor.into(),
            category: product.category.into(),
            tags: Patch::Value(product.tags),
            images: Patch::Value(product.images),
            status: given(product.status),
            variants: Patch::Value(product.variants.into_iter().map(VariantPatch::from).collect()),
        }
    }
}

/// Names every field: what `variant` does not say is emptied.
impl From<NewVariant> for VariantPatch {
    fn from(variant: NewVariant) -> Self {
        Self {
            sku: variant.sku,
            options: Patch::Value(variant.options),
            price: Patch::Value(variant.price),
            compare_at_price: variant.compare_at_price.into(),
            weight_g: Patch::Value(variant.weight_g),
            barcode: variant.barcode.into(),
            on_hand: Patch::Value(variant.on_hand),
            stock_policy: given(variant.stock_policy),
            taxable: given(variant.taxable),
            on_sale: given(variant.on_sale),
        }
    }
}

/// What may be left out, and has its default then.
fn given<T>(field: Option<T>) -> Patch<T> {
    field.map_or(Patch::Absent, Patch::Value)
}

/// A product as an import brings it: its slug says which it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedProduct {
    /// What the file says of it; its `slug` is given, and what the file does not say stays.
    ///
    /// Of its `category` only the name matters, where there is one. A product that is new needs a name and a variant.
    pub product: ProductPatch,
    /// The name of its category, as it is written; where it is new, its slug is made from `product.category`.
    pub category_name: Option<String>,
    /// Which SKUs of its variants were made up, as the file has none: a variant that there is keeps its own.
    #[serde(default)]
    pub made_skus: Vec<String>,
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportReport {
    /// Products that are new.
    pub created: i64,
    /// Products that changed.
    pub updated: i64,
    /// Products that were as they are already.
    pub unchanged: i64,
    /// Products that were refused.
    pub refused: Vec<ImportRefusal>,
}

/// A product that an import refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportRefusal {
    /// Which.
    pub slug: String,
    /// Where in it, as a JSON Pointer.
    pub pointer: String,
    /// Why, for a person.
    pub detail: String,
}
