/** A Blueprint that uses every part of the file format; some of its node types do not exist. */
export const feed = `# feed.blueprint.yaml - CSV in, thumbnails + XLSX out, one human approval.
apiVersion: atomiton.dev/v1
kind: Blueprint
id: 7c9f6c1e-3d0a-4b7e-9a55-0f6a2f1f7b10   # identity; the file may be renamed
name: Product feed
version: 3.2.0

inputs:                                     # typed ports of this Blueprint used as a node
  csv:      { type: file, mediaType: text/csv }
  maxWidth: { type: integer, default: 640, minimum: 16, maximum: 8192 }
outputs:
  report:   { type: file, from: book.file }
  rejected: { type: "list<object>", from: bad.items }

types:                                      # JSON Schema 2020-12, usable as a port type
  row:
    type: object
    required: [sku, imageUrl, price]
    properties:
      sku:      { type: string }
      imageUrl: { type: string, format: uri }
      price:    { type: number }

secrets: [cdnToken]                         # names only; values come from the host

policy:
  timeout: 30m                              # clock stops while paused
  concurrency: 8                            # node attempts at once in this execution
  onFailure: cancel                         # cancel | drain
  durability: group                         # sync | group | off

nodes:
  read:
    uses: core/csv.read@1
    in: { file: $inputs.csv }
    with: { header: true }

  check:                                    # ports out: valid stream<row>, invalid stream<object>
    uses: core/validate@1
    in: { items: read.rows }
    with: { schema: "#row" }

  each:
    uses: core/forEach@1
    in: { items: check.valid, width: $inputs.maxWidth }
    with:
      concurrency: 4
      order: preserve                       # preserve | completion
      onItemError: collect                  # fail | skip | collect
      key: "\${ item.sku }"                  # identity of the iteration: survives re-order and crash
    body:
      nodes:
        fetch:
          uses: core/http.request@1
          in: { item: $item }
          with:
            url: "\${ in.item.imageUrl }"
            headers: { authorization: "\${ 'Bearer ' & secrets.cdnToken }" }
            responseType: file
          timeout: 20s
          retry:
            attempts: 5
            backoff: exponential
            initial: 500ms
            factor: 2
            max: 30s
            jitter: full
            on: [network, timeout, http.429, http.5xx]
        thumb:
          uses: ./thumbnail.blueprint.yaml  # a Blueprint used as a node
          in: { image: fetch.body, width: $inputs.width }
        placeholder:                        # error path: a wired error port means "handled"
          uses: core/file.read@1
          in: { error: fetch.error }
          with: { path: assets/missing.png }
        pick:
          uses: core/merge@1
          in: { items: [thumb.image, placeholder.file] }
          with: { mode: any }               # runs when both are settled and >= 1 has a value
      outputs: { item: $item, image: pick.value }

  bad:
    uses: core/collect@1
    in: { items: [check.invalid, each.errors] }

  book:
    uses: core/xlsx.write@1
    in: { rows: each.results }
    with: { sheet: Feed, columns: [sku, price, image] }

  approve:
    uses: core/input.wait@1
    in: { context: book.file }
    with:
      prompt: Publish this feed?
      schema: { type: object, required: [ok], properties: { ok: { type: boolean }, note: { type: string } } }
      timeout: 24h
      onTimeout: { ok: false }

  publish:
    uses: core/http.request@1
    in: { file: book.file, decision: approve.value }
    when: "\${ in.decision.ok }"             # false -> skipped, outputs carry 'empty'
    with: { method: PUT, url: "https://feed.example/v1/feed", body: "\${ in.file }" }
    effect: write                           # never silently repeated
    idempotencyKey: "\${ run.id & '/publish' }"
    onUnknown: ask                          # outcome unknown after a crash: ask | fail | rerun | assumeDone

  alert:
    uses: core/log@1
    in: { error: publish.error }
    with: { level: error, message: "\${ 'publish failed: ' & in.error.message }" }

ui:                                         # never read by the engine; moving a node touches only this block
  read: [0, 0]
  check: [240, 0]
  each: [480, 0]
  bad: [720, 160]
  book: [720, 0]
  approve: [960, 0]
  publish: [1200, 0]
  alert: [1440, 120]
`;
