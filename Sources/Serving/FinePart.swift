import ModelPackage
import Schema

/// The networks that a served directory may hold beside its coarse student, each a model package of its own.
public enum FinePart: String, Sendable, CaseIterable, Comparable {
    /// A better click model than the coarse student, for the survivors alone.
    case ctr
    /// The conversion model.
    case cvr

    /// Where it lies, from the directory.
    public var folder: String { "fine/\(rawValue)" }

    public static func < (a: FinePart, b: FinePart) -> Bool { a.rawValue < b.rawValue }
}

extension ModelPackage {
    /// Features of the item alone, with their places in `schema.regular`.
    var itemFeatures: [(place: Int, feature: RegularFeature)] {
        schema.indices(.item).map { ($0, schema.regular[$0]) }
    }
}
