import NIOCore
import Serving

/// The bodies of `/v1/items/upsert` and `/v1/items/remove`.
enum ItemBody {
    static func upsert(_ buffer: ByteBuffer, _ limits: RequestLimits) throws(APIError) -> [ItemUpsert] {
        try BodyReader.read(buffer) { reader throws(APIError) in
            var items: [ItemUpsert]?
            try reader.object(of: ["items"]) { reader, _ throws(APIError) in
                items = try reader.array("a list of items", limit: limits.candidates) { reader throws(APIError) in
                    try item(&reader)
                }
            }
            guard let items else { throw APIError(.badRequest, "missing: a list of items", at: "items") }
            return items
        }
    }

    private static func item(_ reader: inout BodyReader) throws(APIError) -> ItemUpsert {
        var id: String?
        var features: FeatureValues?
        var price: Double?
        var category: String?
        try reader.object(of: ["id", "features", "price", "category"]) { reader, key throws(APIError) in
            switch key {
            case "id": id = try reader.id()
            case "features": features = try reader.features()
            case "price": price = try reader.number()
            default: category = try reader.id()
            }
        }
        guard let id else { throw APIError(.badRequest, "missing", at: "id") }
        guard let features else { throw APIError(.badRequest, "missing: the item's features, as an object", at: "features") }
        return ItemUpsert(id: id, features: features, price: price, category: category)
    }

    static func remove(_ buffer: ByteBuffer, _ limits: RequestLimits) throws(APIError) -> [String] {
        try BodyReader.read(buffer) { reader throws(APIError) in
            var ids: [String]?
            try reader.object(of: ["ids"]) { reader, _ throws(APIError) in
                ids = try reader.array("a list of ids", limit: limits.candidates) { reader throws(APIError) in try reader.id() }
            }
            guard let ids else { throw APIError(.badRequest, "missing: a list of ids", at: "ids") }
            return ids
        }
    }
}
