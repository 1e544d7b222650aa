// A client whose types openapi-typescript makes of the API's description: node out/client.js SERVER ENVELOPE
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

const [server, signed] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl: server! });

const contest = await client.GET("/v1/contests/{contest}", { params: { path: { contest: "president" } } });
if (contest.error) throw new Error(contest.error.detail);
const votes: { [choice: string]: number } = contest.data.tally.counted.votes;
const counted: number = contest.data.tally.stations.counted;

const page = await client.GET("/v1/events", { params: { query: { limit: 1, order: "oldest" } } });
if (page.error) throw new Error(page.error.detail);
const first: string | undefined = page.data.events[0]?.event;

const missing = await client.GET("/v1/areas/{area}", { params: { path: { area: "nowhere" } } });
if (!missing.error) throw new Error("an area that is not there was answered");

const envelope: components["schemas"]["Envelope"] = JSON.parse(signed!);
const sent = await client.POST("/v1/submissions", { body: envelope });
if (sent.error) throw new Error(sent.error.detail);

console.log(JSON.stringify({ votes, counted, first, status: missing.error.status, leaf: sent.data.leaf_hash }));
