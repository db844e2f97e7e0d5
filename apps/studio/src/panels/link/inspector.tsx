/** What this page's bus does: its link, what is wanted over it, rates, queues, losses and the last messages. */
import type { EventBus, LinkReport } from "@atomiton/events";
import { inspect, type InspectorReport, type NameTraffic, type PassedMessage } from "@atomiton/events/middleware";
import { useLink } from "@atomiton/events/react";
import { useEffect, useState, type ReactNode } from "react";

import { bytes, clockTime, compact, duration, integer } from "../../model/format.ts";
import { Empty } from "../../ui/empty.tsx";
import { Pair, Pairs, Section } from "../../ui/section.tsx";

/** Faster than this nobody reads. */
const LOOK_EVERY_MS = 500;

/** Watches the bus while it is shown, and only then. */
function useInspector(bus: EventBus<any, any>): InspectorReport | undefined {
  const [report, setReport] = useState<InspectorReport>();
  useEffect(() => {
    const inspector = inspect(bus);
    const look = (): void => setReport(inspector.report());
    look();
    const timer = setInterval(look, LOOK_EVERY_MS);
    return () => {
      clearInterval(timer);
      inspector.close();
    };
  }, [bus]);
  return report;
}

export function Inspector({ bus }: { bus: EventBus<any, any> }): ReactNode {
  const report = useInspector(bus);
  const state = useLink(bus)?.state;
  if (report === undefined) return null;
  const [link] = report.links;
  return (
    <div
      className="min-h-0 flex-1 overflow-y-auto [&>section:first-child]:border-t-0"
      data-inspector={state?.at ?? "none"}
    >
      {link === undefined ? (
        <Empty icon="globe" title="No link">
          {state?.at === "closed" ? state.why.message : "This page is not connected to a host."}
        </Empty>
      ) : (
        <>
          <LinkFacts link={link} />
          <Losses link={link} />
        </>
      )}
      <Traffic traffic={report.traffic} />
      {link !== undefined && <Interest link={link} />}
      <Last messages={report.last} />
    </div>
  );
}

function LinkFacts({
  link: { peer, state, transport, session, openRequests, waiting },
}: {
  link: LinkReport;
}): ReactNode {
  return (
    <Section title="Link" note={state.at}>
      <Pairs>
        <Pair name="Peer">{peer === undefined ? "not known yet" : peer.role}</Pair>
        <Pair name="Over">{transport}</Pair>
        <Pair name="Last heard">{session === undefined ? "–" : `${duration(session.silentMs)} ago`}</Pair>
        <Pair name="Open requests">{integer(openRequests)}</Pair>
        <Pair name="Queued">
          {session === undefined
            ? integer(waiting)
            : `${integer(session.queuedMessages + waiting)} messages, ${bytes(session.queuedBytes)}`}
        </Pair>
        <Pair name="Under way">
          {session === undefined ? "–" : `${integer(session.unackedFrames)} frames, ${bytes(session.unackedBytes)}`}
        </Pair>
        <Pair name="Received">
          {session === undefined
            ? "–"
            : `${integer(session.receivedEvents)} events, ${integer(session.receivedFrames)} frames`}
        </Pair>
        <Pair name="Sent">{session === undefined ? "–" : `${integer(session.sentEvents)} events`}</Pair>
      </Pairs>
    </Section>
  );
}

function Losses({ link: { dropped, lost, gaps, session, violations } }: { link: LinkReport }): ReactNode {
  const all = dropped + lost + (session?.droppedEvents ?? 0);
  const broken = Object.entries({ ...session?.violations, ...violations });
  const isClean = all === 0 && gaps.length === 0 && broken.length === 0;
  return (
    <Section title="Drops and gaps" note={isClean ? "none" : undefined}>
      {isClean ? (
        <p className="text-sm text-muted">Nothing was lost on this link.</p>
      ) : (
        <Pairs>
          <Pair name="Dropped">{integer(all)}</Pair>
          {broken.map(([kind, count]) => (
            <Pair key={kind} name={`Refused: ${kind}`}>
              {integer(count)}
            </Pair>
          ))}
          {gaps.map(({ lane, from, to, reason }) => (
            <Pair key={`${lane} ${from}`} name={`Gap in ${lane}`}>
              {integer(to - from + 1)} – {reason}
            </Pair>
          ))}
        </Pairs>
      )}
    </Section>
  );
}

function Interest({ link: { announced, hears, handles } }: { link: LinkReport }): ReactNode {
  return (
    <Section title="Interest">
      <Names title="This page hears" names={announced} />
      <Names title="The host hears" names={hears} />
      <Names title="The host answers" names={handles} />
    </Section>
  );
}

function Names({ title, names }: { title: string; names: readonly string[] }): ReactNode {
  const each = [...new Set(names)].sort((a, b) => (a < b ? -1 : 1));
  return (
    <div className="mb-2 last:mb-0">
      <p className="mb-1 text-xs text-muted">{title}</p>
      {each.length === 0 ? (
        <p className="text-xs text-faint">nothing</p>
      ) : (
        <ul className="flex flex-wrap gap-1">
          {each.map((name) => (
            <li key={name} className="rounded-md bg-sunken px-1.5 py-0.5 font-mono text-xs break-all">
              {name}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function Traffic({ traffic }: { traffic: readonly NameTraffic[] }): ReactNode {
  return (
    <Section title="Rates" note="a second, of the last ten">
      {traffic.length === 0 ? (
        <p className="text-sm text-muted">Nothing has passed since this was opened.</p>
      ) : (
        <table className="w-full text-xs tabular-nums">
          <thead className="text-left text-muted">
            <tr>
              <th className="py-0.5 font-normal">Name</th>
              <th className="w-14 py-0.5 text-right font-normal">In</th>
              <th className="w-14 py-0.5 text-right font-normal">Out</th>
              <th className="w-16 py-0.5 text-right font-normal">In all</th>
            </tr>
          </thead>
          <tbody>
            {traffic.map(({ name, count, perSecond }) => (
              <tr key={name} data-traffic={name}>
                <td className="py-0.5 pr-2 font-mono break-all">{name}</td>
                <td className="py-0.5 text-right">{perSecond.in.toFixed(1)}</td>
                <td className="py-0.5 text-right">{perSecond.out.toFixed(1)}</td>
                <td className="py-0.5 text-right">{compact(count.in + count.out)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Section>
  );
}

const ARROWS: Readonly<Record<PassedMessage["way"], string>> = { in: "←", out: "→", local: "·" };
const WAYS: Readonly<Record<PassedMessage["way"], string>> = { in: "in", out: "out", local: "here" };

/** Newest first. What this page says to itself is in the way of what it hears. */
function Last({ messages }: { messages: readonly PassedMessage[] }): ReactNode {
  const crossed = messages.filter(({ way }) => way !== "local").reverse();
  return (
    <Section title="Last messages" note={integer(crossed.length)}>
      <ol className="space-y-0.5 text-xs">
        {crossed.map(({ ts, way, kind, name }, index) => (
          // Without a number of their own: equal ones look the same.
          <li key={`${crossed.length - index} ${ts}`} className="flex items-baseline gap-2">
            <time className="shrink-0 text-faint tabular-nums">{clockTime(ts)}</time>
            <span role="img" aria-label={WAYS[way]} className="w-3 shrink-0 text-center text-muted">
              {ARROWS[way]}
            </span>
            <span className="min-w-0 font-mono break-all">{name}</span>
            {kind === "request" && <span className="ml-auto shrink-0 text-faint">request</span>}
          </li>
        ))}
      </ol>
    </Section>
  );
}
