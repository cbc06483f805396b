import Serving

extension APIError {
    /// How a request's body names the places that `ServingError` counts.
    enum BodyForm {
        /// `{"user": {...}}`
        case rank
        /// `{"requests": [{"user": {...}, "candidates": [{...}]}]}`
        case score
        /// `{"items": [{"features": {...}}]}`
        case items
        /// One tensor a feature.
        case tensors

        func path(_ place: ServingError.Place, _ feature: String) -> String {
            switch (self, place) {
            case (.tensors, _): "inputs.\(feature)"
            case (.rank, _): "user.\(feature)"
            case (_, .user(let request)): "requests[\(request)].user.\(feature)"
            case (_, .candidate(let candidate, let request)): "requests[\(request)].candidates[\(candidate)].\(feature)"
            case (_, .item(let item)): "items[\(item)].features.\(feature)"
            }
        }
    }

    init(_ error: ServingError, in form: BodyForm) {
        switch error {
        case .unknownFeature(let name, let place, let nearest):
            let hint = nearest.map { "; did you mean '\($0)'?" } ?? ""
            self.init(
                .unknownFeature,
                "'\(name)' is no regular feature of this model (a privileged feature is known only when training and cannot be served)\(hint)",
                at: form.path(place, name))
        case .misplacedFeature(let name, let place, let side):
            self.init(.badRequest, "'\(name)' belongs to the \(side)", at: form.path(place, name))
        case .badValue(let feature, let place, let expected, let found):
            self.init(.badValue, "expected \(expected), found \(found)", at: form.path(place, feature))
        case .unevenSequence(let field, let place, let expected, let found):
            self.init(
                .badValue, "expected \(expected) events as in the sequence's first field, found \(found)",
                at: form.path(place, field))
        case .tooLarge: self.init(.tooLarge, "\(error)")
        case .badOption(let name, let expected, let found):
            // Options have Swift's names inside and JSON's outside.
            let places = ["topK": "k", "coarseTopK": "coarse_k"]
            self.init(.badValue, "expected \(expected), found \(found)", at: places[name] ?? name)
        case .noHead: self.init(.unsupported, "\(error)", at: "head")
        case .noVectors, .noItems: self.init(.unsupported, "\(error)")
        case .badItem: self.init(.badValue, "\(error)", at: "items")
        case .noPreviousVersion: self.init(.noPreviousVersion, "\(error)")
        case .badInputs: self.init(.badRequest, "\(error)")
        }
    }
}
