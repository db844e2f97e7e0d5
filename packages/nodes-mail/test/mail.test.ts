import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";

import { openBlobStore } from "@atomiton/runtime";
import { runNode } from "@atomiton/runtime/testing";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { afterEach, expect, test } from "vitest";

import { runInstalled } from "../../../tests/run-installed.ts";
import { emailSend } from "../src/index.ts";

interface Mail {
  readonly from: string;
  readonly to: string[];
  readonly text: string;
}
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A real SMTP server on loopback that keeps what it gets. */
async function listen(options: SMTPServerOptions = {}): Promise<{ port: number; mails: Mail[] }> {
  const mails: Mail[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    disableReverseLookup: true,
    onRcptTo: ({ address }, _session, answer) =>
      answer(address.startsWith("gone@") ? Object.assign(new Error("no such user"), { responseCode: 550 }) : null),
    onData: (stream, session, answer) => {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({
          from: mailFrom === false ? "" : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          text: Buffer.concat(chunks).toString(),
        });
        answer();
      });
    },
    ...options,
  });
  server.on("error", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => new Promise((resolve) => server.close(() => resolve())));
  return { port: (server.server.address() as AddressInfo).port, mails };
}

const MAIL = { host: "127.0.0.1", security: "none", from: "shop@example.org", to: "ada@example.org" };

test("[MAIL-1] core/email.send delivers subject, text, receivers and attachments, with the same message id at each attempt", async () => {
  const { port, mails } = await listen();
  const blobs = openBlobStore({ memory: true });
  const file = await blobs.put(Buffer.from("a;b\n1;2\n"), { type: "text/csv", name: "größe.csv" });
  const config = {
    ...MAIL,
    port,
    to: ["ada@example.org", '"Bob" <bob@example.org>'],
    bcc: "boss@example.org",
    subject: "Größe",
    text: "Hello",
    html: "<b>Hello</b>",
  };
  const { outputs } = await runNode(emailSend, { in: { attachments: [file] }, config, blobs });
  expect(outputs).toEqual({
    messageId: "<test.node@atomiton>",
    accepted: ["ada@example.org", "bob@example.org", "boss@example.org"],
    rejected: [],
  });
  const again = await runNode(emailSend, { config: { ...MAIL, port }, attempt: 2 });
  expect(again.outputs["messageId"]).toBe(outputs["messageId"]);
  const [mail] = mails;
  expect(mail).toMatchObject({
    from: "shop@example.org",
    to: ["ada@example.org", "bob@example.org", "boss@example.org"],
  });
  expect(mail!.text).toContain(`Subject: =?UTF-8?Q?Gr=C3=B6=C3=9Fe?=`);
  expect(mail!.text).toContain(Buffer.from("a;b\n1;2\n").toString("base64"));
  expect(mail!.text).not.toContain("boss@");
  expect(mails).toHaveLength(2);
});

test("[MAIL-2] a refused login, sender, receiver or encryption fails with what the server said; some receivers are reported", async () => {
  const { port, mails } = await listen({
    onAuth: (auth, _session, answer) =>
      answer(auth.password === "right" ? null : new Error("wrong password"), { user: "x" }),
  });
  const fails = (config: Record<string, unknown>, code: string, text: string) =>
    expect(runNode(emailSend, { config: { ...MAIL, port, ...config } })).rejects.toMatchObject({
      message: expect.stringMatching(new RegExp(`^Cannot send the mail through "127.0.0.1": .*${text}`)),
      error: { code },
    });
  await fails({ user: "shop", password: "wrong" }, "EAUTH", "check user and password");
  await fails({ to: "gone@example.org" }, "EENVELOPE", "no such user");
  await fails({ security: "starttls" }, "ETLS", "set security");
  expect(mails).toEqual([]);
  const part = await runNode(emailSend, { config: { ...MAIL, port, to: ["ada@example.org", "gone@example.org"] } });
  expect(part.outputs).toMatchObject({ accepted: ["ada@example.org"], rejected: ["gone@example.org"] });
  expect(part.logs).toMatchObject([{ level: "warn", message: "The server refused gone@example.org" }]);
  const login = await runNode(emailSend, { config: { ...MAIL, port, user: "shop", password: "right" } });
  expect(login.outputs["accepted"]).toEqual(["ada@example.org"]);
});

test("[MAIL-2] with tls and starttls a mail goes to servers whose certificate is trusted, and to no others", async () => {
  const dir = await mkdtemp(join(tmpdir(), "mail-test-"));
  const [key, cert] = [join(dir, "key.pem"), join(dir, "cert.pem")];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  execFileSync(
    "openssl",
    ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", ...subject, "-keyout", key, "-out", cert],
    { stdio: "ignore" },
  );
  const identity = { key: await readFile(key), cert: await readFile(cert) };
  await rm(dir, { recursive: true });
  const tls = await listen({ ...identity, secure: true, disabledCommands: [] });
  const upgraded = await listen({ ...identity, disabledCommands: [] });
  const mail = { ...MAIL, host: "localhost" };
  const both = [
    { ...mail, port: tls.port, security: "tls" },
    { ...mail, port: upgraded.port, security: "starttls" },
  ];
  for (const config of both) {
    await expect(runNode(emailSend, { config })).rejects.toThrow(/self-signed certificate/);
  }
  const trusted = getCACertificates("default");
  setDefaultCACertificates([...trusted, identity.cert.toString()]);
  try {
    for (const config of both) await runNode(emailSend, { config });
  } finally {
    setDefaultCACertificates(trusted);
  }
  expect([tls.mails.length, upgraded.mails.length]).toEqual([1, 1]);
});

test("[MAIL-3] line ends in headers add none, and neither text nor HTML can name a file to send", async () => {
  const { port, mails } = await listen();
  const subject = "Hi\r\nBcc: victim@example.org\r\n\r\nbody";
  await runNode(emailSend, {
    config: { ...MAIL, port, subject, text: "/etc/passwd", html: '<img src="file:///etc/passwd">' },
  });
  expect(mails[0]!.to).toEqual(["ada@example.org"]);
  expect(mails[0]!.text).not.toMatch(/^Bcc:/im);
  expect(mails[0]!.text).not.toContain("root:");
  const large = { $blob: `sha256:${"0".repeat(64)}`, size: 60 * 1024 ** 2, type: "x/y" };
  await expect(runNode(emailSend, { in: { attachments: large }, config: { ...MAIL, port } })).rejects.toMatchObject({
    error: { code: "LIMIT" },
  });
  await expect(
    runNode(emailSend, { in: { attachments: ["/etc/passwd"] }, config: { ...MAIL, port } }),
  ).rejects.toMatchObject({
    error: { code: "INVALID_INPUT" },
  });
});

test("[MAIL-4] no server, one that says nothing, and abort end it; the socket is given back", async () => {
  let sockets = 0;
  const silent = createServer((socket) => {
    sockets += 1;
    socket.on("close", () => (sockets -= 1)).on("error", () => undefined);
  });
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const { port } = silent.address() as AddressInfo;
  const controller = new AbortController();
  const connected = new Promise((resolve) => silent.once("connection", resolve));
  const sending = runNode(emailSend, { config: { ...MAIL, port }, signal: controller.signal });
  sending.catch(() => undefined);
  await connected;
  controller.abort(new Error("enough"));
  await expect(sending).rejects.toThrow("enough");
  await expect.poll(() => sockets, { timeout: 10_000 }).toBe(0);
  await new Promise((resolve) => silent.close(resolve));
  await expect(runNode(emailSend, { config: { ...MAIL, port } })).rejects.toMatchObject({
    error: { code: expect.stringMatching(/^E(CONNECTION|SOCKET|CONNREFUSED)$/), class: "network", retryable: true },
  });
});

test("[MAIL-5] a Blueprint sends mail with the installed package", async () => {
  const { port, mails } = await listen();
  const nodes = { send: { uses: "core/email.send@1", with: { ...MAIL, port, subject: "Done", text: "All of it" } } };
  await runInstalled(
    "nodes-mail",
    { nodes, outputs: { id: { type: "string", from: "send.messageId" } } },
    async () => undefined,
    async ({ id }) => expect(mails[0]!.text).toContain(String(id)),
  );
});
