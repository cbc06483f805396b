@testable import Schema

/// Run files that the tests read and break.
enum Example {
    /// Says nothing that has a default.
    static let minimal = """
        name: small
        task: ctr
        logs:
          train: train.parquet
        columns:
          label: click
        features:
          - {name: user_id, side: user, encoding: vocabulary, dimension: 4}
          - {name: item_id, side: item, encoding: {hash: 10}, dimension: 3}
        """

    /// Says nearly everything there is to say.
    static let full = """
        name: retail-ctr-pfd
        task: ctr
        seed: 7
        output: runs/elsewhere

        logs:
          train: data/retail/train.parquet
          test: [data/retail/test.parquet]
          validation_split: {fraction: 0.1}
          format: parquet
          on_bad_row: skip
          shuffle_window: 1024

        columns:
          labels:
            - {name: bought}
            - {name: dwell, column: dwell_seconds, kind: continuous, weight: 0.1}
            - {name: subscribed, column: y, positive: "yes"}
          request: basket_id
          group: user_id
          weight: w
          timestamp: timestamp
          soft_label: teacher_p

        features:
          - name: user_id
            side: user
            encoding: {vocabulary: {min_count: 2}}
            dimension: 16
          - {name: item_id, side: item, encoding: {vocabulary: {min_count: 2, max_size: 100_000}}, dimension: 16}
          - {name: tags, side: item, encoding: vocabulary, dimension: 8, bag: mean}
          - {name: country, side: user, encoding: {categories: [UK, NO, 44]}}
          - {name: price, side: item, encoding: {boundaries: [0, 1, 2.5]}}
          - {name: price_gap, availability: interacted}
          - {name: dwell, column: dwell_seconds, availability: post_event, encoding: {quantiles: 32}, dimension: 4, missing: error}

        defaults:
          dimension: 8
          encoding: {quantiles: 16}

        sequence:
          name: history
          length: 20
          fields:
            - {column: history_item_id, table: item_id}
            - {name: age, column: history_age_seconds, encoding: {quantiles: 16}, dimension: 8}

        networks:
          attention: {heads: 2, head_dimension: 16, feed_forward_multiple: 3}
          mapping: [64, 32]
          scale: 4
          learned_scale: true
          mlp: [64, 32, 16]
          deep_teacher: [256, 128]
          multi_task: {shared: 32, head: [16, 8]}
          batch_norm: false
          batch_norm_momentum: 0.02
          leaky_slope: 0.1
          embedding_deviation: 0.05

        distillation:
          method: pfd+md
          manner: share*_sync
          except: [user_id]
          lambda: {from: 0, to: 0.5, over: 0.2}
          swapping_step: {fraction: 0.3}
          temperature: 2
          shared_gradient: without_distillation
          soft_labels: teacher

        training:
          batch_size: 512
          epochs: 3
          workers: 2
          mode: synchronous
          optimiser: {kind: adagrad, learning_rate: 0.02, warmup: 1e3, epsilon: 1.0e-8, initial_accumulator: 0.1, row_wise: true}
          checkpoint_every: 100
          keep_checkpoints: 3

        evaluation: {resamples: 50, confidence: 0.9, every_steps: 10}
        """

    static func parsed(_ text: String) throws -> ParsedRun {
        try RunFile.parse(text: text, file: "run.yaml")
    }

    /// What reading and checking a text says is wrong, or "" when nothing is.
    static func complaint(_ text: String, overrides: [String] = []) -> String {
        do {
            _ = try RunFile.parse(text: text, file: "run.yaml", overrides: overrides).validated()
            return ""
        } catch {
            return error.description
        }
    }
}
