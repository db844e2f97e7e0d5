import { once } from "node:events";
import { connect } from "node:net";
import { Readable } from "node:stream";

import { defineNode, NodeError, port, type BlobRef } from "@atomiton/runtime";
import { createTransport } from "nodemailer";
import { z } from "zod";

/** A server that says nothing, ms. */
const SILENCE_MS = 30_000;
/** Of all attachments, bytes: more than mail servers take. */
const ATTACHED = 50 * 1024 ** 2;
const addresses = z.union([z.string().min(3), z.array(z.string().min(3)).min(1)]);

export const emailSend = defineNode({
  type: "core/email.send",
  version: "1.0.0",
  title: "Send mail",
  category: "network",
  description:
    "Sends one mail through an SMTP server, encrypted unless told otherwise. Its message id is the same for each attempt of the node, so that a mail that is sent twice can be told.",
  inputs: {
    attachments: port.value(z.any(), {
      required: false,
      description: "A file or a list of files; 50 MiB together at most.",
    }),
  },
  outputs: {
    messageId: port.value(z.string(), { description: "The mail's Message-ID." }),
    accepted: port.value(z.array(z.string()), { type: "list<string>", description: "Addresses the server took." }),
    rejected: port.value(z.array(z.string()), { type: "list<string>", description: "Addresses it refused." }),
  },
  openInputs: true,
  config: z.strictObject({
    host: z.string().min(1).describe("The SMTP server."),
    port: z
      .number()
      .int()
      .min(1)
      .max(65_535)
      .optional()
      .describe("Left out: 465 for tls, 587 for starttls, 25 for none."),
    security: z
      .enum(["starttls", "tls", "none"])
      .default("starttls")
      .describe("starttls: fails where the server cannot. none: everything, the password too, can be read on the way."),
    user: z.string().optional().describe("Name to log in with."),
    password: z.string().optional().describe("Such as `${ secrets.smtp }`."),
    from: z.string().min(3).describe('Sender: `shop@example.org` or `"Shop" <shop@example.org>`.'),
    to: addresses.describe("Receivers."),
    cc: addresses.optional().describe("Receivers of a copy."),
    bcc: addresses.optional().describe("Receivers that the others do not see."),
    replyTo: z.string().optional().describe("Where answers go."),
    subject: z.string().default("").describe("The subject."),
    text: z.string().optional().describe("The mail as text."),
    html: z.string().optional().describe("The mail as HTML, beside the text or instead."),
  }),
  example:
    'in: { attachments: report.file }\nwith: { host: mail.example.org, user: shop, password: "${ secrets.smtp }", from: shop@example.org, to: ada@example.org, subject: Report }',
  effect: "write",
  runsOn: "inline",
  async run(ctx) {
    const { host, security, user, password, port, ...mail } = ctx.config;
    const files = filesOf((ctx.in as { attachments?: unknown }).attachments);
    // Our own socket: closing the transport leaves one that is in use open.
    const socket = connect({ host, port: port ?? { tls: 465, starttls: 587, none: 25 }[security] });
    socket.setTimeout(SILENCE_MS, () =>
      socket.destroy(Object.assign(new Error("it does not answer"), { code: "ETIMEDOUT" })),
    );
    const send = async () => {
      await once(socket, "connect");
      const transport = createTransport({
        host,
        connection: socket,
        secure: security === "tls",
        requireTLS: security === "starttls",
        ignoreTLS: security === "none",
        ...(user === undefined ? {} : { auth: { user, pass: password ?? "" } }),
        greetingTimeout: SILENCE_MS,
        socketTimeout: SILENCE_MS,
        // A text that names a path or an address must not send what lies there.
        disableFileAccess: true,
        disableUrlAccess: true,
      });
      return await transport.sendMail({
        ...mail,
        messageId: `<${ctx.idempotencyKey.replace(/[^\w.-]/g, ".")}@atomiton>`,
        attachments: files.map((file) => ({
          filename: file.name ?? "attachment",
          contentType: file.type,
          content: Readable.from(ctx.blob.open(file)),
        })),
      });
    };
    const sending = send();
    let onAbort: (() => void) | undefined;
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () => reject(ctx.signal.reason as Error);
      ctx.signal.addEventListener("abort", onAbort, { once: true });
    });
    try {
      ctx.signal.throwIfAborted();
      const { messageId, accepted, rejected } = await Promise.race([sending, aborted]);
      const text = (list: readonly unknown[]): string[] =>
        list.map((one) => (typeof one === "string" ? one : (one as { address: string }).address));
      if (rejected.length > 0) ctx.log.warn(`The server refused ${text(rejected).join(", ")}`);
      ctx.progress(1, 1);
      return { messageId, accepted: text(accepted), rejected: text(rejected) };
    } catch (error) {
      ctx.signal.throwIfAborted();
      throw mailError(host, error);
    } finally {
      ctx.signal.removeEventListener("abort", onAbort!);
      sending.catch(() => undefined);
      socket.on("error", () => undefined).destroy();
    }
  },
});

function filesOf(value: unknown): BlobRef[] {
  const files = value === undefined ? [] : ((Array.isArray(value) ? value : [value]) as BlobRef[]);
  const strange = files.findIndex((file) => typeof file?.$blob !== "string");
  const refused = (code: string, state: string): NodeError =>
    new NodeError(`Cannot attach the files: ${state}`, {
      code,
      class: code === "LIMIT" ? "resource" : "user",
      retryable: false,
    });
  if (strange >= 0)
    throw refused("INVALID_INPUT", `number ${strange + 1} is no file; wire files, as core/file.read gives them`);
  const size = files.reduce((sum, file) => sum + file.size, 0);
  if (size > ATTACHED) throw refused("LIMIT", `they have ${size} bytes, more than ${ATTACHED}; send a link instead`);
  return files;
}

const WAYS_OUT: Record<string, [wayOut: string, kind: "network" | "user" | "timeout"]> = {
  EAUTH: ["check user and password", "user"],
  EENVELOPE: ["check the addresses", "user"],
  EMESSAGE: ["the server did not take the mail; see what it said", "user"],
  ETLS: ["the server has no encryption of this kind; set security", "user"],
  ETIMEDOUT: ["check host and port, and that nothing between blocks it", "timeout"],
};

function mailError(host: string, error: unknown): NodeError {
  const { code = "SMTP", message, response } = error as { code?: string; message: string; response?: string };
  const [wayOut, kind] = WAYS_OUT[code] ?? ["check host and port", "network"];
  return new NodeError(
    `Cannot send the mail through "${host}": ${response ?? message}; ${wayOut}`,
    // Whether a mail whose exchange broke was taken, nobody knows: what retries it may send it twice.
    { code, class: kind, retryable: kind !== "user" },
    { cause: error },
  );
}
