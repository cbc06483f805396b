/// An item to add, or to put in the place of the one with its id.
public struct ItemUpsert: Sendable, Equatable {
    public var id: String
    /// Item-side features of every part of the model.
    public var features: FeatureValues
    /// Finite and not negative; needed where the items of the index have prices, refused where they have none.
    public var price: Double?
    public var category: String?

    public init(id: String, features: FeatureValues, price: Double? = nil, category: String? = nil) {
        self.id = id
        self.features = features
        self.price = price
        self.category = category
    }
}
