/// The run files that come with a market's logs, one a task.
enum MarketRunFile: String, CaseIterable {
    case ctr, cvr

    func text(_ market: Market) -> String {
        let configuration = market.configuration
        let test = configuration.days - 1
        let days = (0..<test).map { "\(rawValue)/\(dayName($0))" }.joined(separator: ", ")
        return """
            # \(title)
            # Written by hindsight simulate; the truth beside these logs is named by no feature.
            name: market-\(rawValue)
            task: \(rawValue)
            seed: 1

            logs:
              train: [\(days)]
              test: \(rawValue)/\(dayName(test))                 # the next day, as in the paper
              validation_split: {fraction: 0.1}     # the end of train

            columns:
            \(labels)
              request: request_id
              group: user_id
              timestamp: timestamp

            defaults:
              dimension: 8
              encoding: {quantiles: 16}

            features:
              - {name: user_id, side: user, encoding: {vocabulary: {min_count: 5}}, dimension: 16}
              - {name: age, side: user, encoding: vocabulary}
              - {name: gender, side: user, encoding: vocabulary}
              - {name: city_tier, side: user, encoding: vocabulary}
              - {name: spending_level, side: user, encoding: vocabulary}
              - {name: hour_of_day, side: user, encoding: vocabulary}
              - {name: day_of_week, side: user, encoding: vocabulary}
              - {name: user_clicks_24h, side: user, encoding: {boundaries: [1, 2, 3, 5, 9]}}
              - {name: item_id, side: item, encoding: {vocabulary: {min_count: 2}}, dimension: 16}
              - {name: category, side: item, encoding: vocabulary, dimension: 16}
              - {name: shop, side: item, encoding: vocabulary}
              - {name: brand, side: item, encoding: vocabulary}
              - {name: price, side: item}
              - {name: item_views_1d, side: item}
              - {name: item_sales_7d, side: item}
            \(privileged)

            sequence:
              name: history
              length: \(configuration.history)
              fields:
                - {column: history_item_id, table: item_id}
                - {column: history_category, table: category}
                - {column: history_shop, table: shop}
                - {column: history_brand, table: brand}
                - {name: history_minutes, encoding: {boundaries: [10, 60, 360, 1440, 2880, 5760, 10080, 20160]}}
                - {name: history_dwell, encoding: {boundaries: [10, 20, 40, 80, 160, 320]}}

            # A quarter of the paper's widths: made for a laptop. `--set networks.mapping=[512,256,128]` and the like
            # give the paper's.
            networks:
              attention: {heads: 2, head_dimension: 16, feed_forward_multiple: 1}
              mapping: [128, 64, 32]
              mlp: [128, 64, 32]
              deep_teacher: [256, 128, 64, 32]

            distillation:
              method: \(self == .ctr ? "pfd+md" : "pfd")
              manner: ind_sync
              lambda: 0.9
              swapping_step: {fraction: 0.1}

            training:
              batch_size: 512
              workers: 1
              mode: synchronous
              optimiser: {learning_rate: 0.05, warmup: {fraction: 0.1}}

            """
    }

    private var title: String {
        switch self {
        case .ctr: "CTR at coarse-grained ranking in a simulated marketplace: a row an impression."
        case .cvr: "CVR at fine-grained ranking in a simulated marketplace: a row a click."
        }
    }

    private var labels: String {
        switch self {
        case .ctr: "  label: click"
        case .cvr:
            """
              labels:
                - {name: purchase}
                # MTL only: it predicts what the user did on the page. Dwell is left out: its squares outweigh all else.
                - {name: comments_read, column: read_comments, weight: 0.2}
                - {name: seller_asked, column: asked_seller, weight: 0.2}
                - {name: cart_used, column: added_to_cart, weight: 0.2}
            """
        }
    }

    private var privileged: String {
        switch self {
        case .ctr:
            """
              # Privileged: what this user clicked of late in the item's category, shop and brand.
              - {name: clicks_category_24h, availability: interacted, encoding: {boundaries: [1, 2, 3, 5, 9]}}
              - {name: clicks_category_7d, availability: interacted, encoding: {boundaries: [1, 2, 3, 5, 9, 17]}}
              - {name: clicks_shop_24h, availability: interacted, encoding: {boundaries: [1, 2, 3, 5]}}
              - {name: clicks_shop_7d, availability: interacted, encoding: {boundaries: [1, 2, 3, 5]}}
              - {name: clicks_brand_24h, availability: interacted, encoding: {boundaries: [1, 2, 3, 5]}}
              - {name: clicks_brand_7d, availability: interacted, encoding: {boundaries: [1, 2, 3, 5]}}
              - {name: hours_since_category, availability: interacted, encoding: {boundaries: [0, 1, 3, 6, 12, 24, 48, 96, 168]}}
            """
        case .cvr:
            """
              # Privileged: what the user did on the page of the clicked item.
              - {name: dwell_seconds, availability: post_event, encoding: {quantiles: 32}}
              - {name: read_comments, availability: post_event, encoding: vocabulary}
              - {name: asked_seller, availability: post_event, encoding: vocabulary}
              - {name: added_to_cart, availability: post_event, encoding: vocabulary}
            """
        }
    }
}
