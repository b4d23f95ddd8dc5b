// Qlik's own TypeScript client against a simulated tenant of the live service's
// dialect. Run by ./run, which starts the tenant; exits 1 when anything is not
// as Qlik's client expects it.
//
//   node trial.mjs http://127.0.0.1:1234 <api-key>
import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import qlik, { auth } from "@qlik/api";

const [host, apiKey] = process.argv.slice(2);
auth.setDefaultHostConfig({ authType: "apikey", host, apiKey });
const step = (name, ...rest) => console.log("ok", name, ...rest);

// await_ looks at a reload until it has ended.
async function await_(id) {
  for (;;) {
    const { data } = await qlik.reloads.getReload(id, { noCache: true }); // it remembers answers
    if (["SUCCEEDED", "FAILED", "CANCELED", "EXCEEDED_LIMIT"].includes(data.status)) return data;
    await wait(100);
  }
}

const { data: me } = await qlik.users.getMyUser();
step("getMyUser", me.id);

const { data: privileges } = await qlik.apps.getAppsPrivileges();
assert.ok(privileges.includes("createApp"));
step("getAppsPrivileges");

const { data: types } = await qlik.spaces.getSpaceTypes();
assert.deepEqual(types.data, ["shared", "managed", "data"]);
step("getSpaceTypes");

const stamp = Date.now();
const { data: shared } = await qlik.spaces.createSpace({ name: `Shared ${stamp}`, type: "shared" });
const { data: managed } = await qlik.spaces.createSpace({ name: `Managed ${stamp}`, type: "managed" });
await assert.rejects(qlik.spaces.createSpace({ name: `Shared ${stamp}`, type: "shared" }), (e) => e.status === 409 && !!e.data.errors[0].code);
step("createSpace");

const names = [];
let page = await qlik.spaces.getSpaces({ limit: 2 });
for (;;) {
  names.push(...page.data.data.map((s) => s.name));
  if (!page.next) break;
  page = await page.next();
}
assert.ok(names.includes(`Shared ${stamp}`) && names.length >= 5);
step("getSpaces", names.length, "over pages of 2");

await qlik.spaces.patchSpace(shared.id, [{ op: "replace", path: "/description", value: "by @qlik/api" }]);
assert.equal((await qlik.spaces.getSpace(shared.id)).data.description, "by @qlik/api");
step("patchSpace");

const { data: assignment } = await qlik.spaces.createSpaceAssignment(shared.id, { type: "user", assigneeId: me.id, roles: ["producer"] });
await qlik.spaces.updateSpaceAssignment(shared.id, assignment.id, { roles: ["consumer", "producer"] });
assert.equal((await qlik.spaces.getSpaceAssignments(shared.id, {})).data.data[0].roles.length, 2);
step("space assignments");

const { data: created } = await qlik.apps.createApp({ attributes: { name: `App ${stamp}`, spaceId: shared.id } });
const app = created.attributes.id;
assert.equal(created.attributes.name, `App ${stamp}`);
step("createApp", app);

await qlik.apps.updateAppScript(app, { script: "Numbers:\nLOAD RecNo() AS N AUTOGENERATE 7;", versionMessage: "first" });
const { data: history } = await qlik.apps.getAppScriptHistory(app, {});
assert.equal(history.scripts[0].versionMessage, "first");
assert.match((await qlik.apps.getAppScript(app, history.scripts[0].scriptId)).data.script, /AUTOGENERATE 7/);
step("scripts");

const { data: copied } = await qlik.apps.copyApp(app, { attributes: { name: `Copy ${stamp}`, spaceId: shared.id } });
assert.equal(copied.attributes.originAppId, app);
step("copyApp", copied.attributes.id);

const { data: queued } = await qlik.reloads.queueReload({ appId: app, variables: { BATCH: "7" }, weight: 2 });
await assert.rejects(qlik.reloads.queueReload({ appId: app }), (e) => e.status === 429 && e.data.errors[0].code === "RELOADS-007");
const ended = await await_(queued.id);
assert.equal(ended.status, "SUCCEEDED");
step("queueReload", queued.id, ended.status);

assert.equal((await qlik.apps.getAppDataMetadata(app)).data.tables[0].no_of_rows, 7);
assert.equal((await qlik.apps.getAppDataLineage(app)).data[0].discriminator, "AUTOGENERATE");
const { data: logs } = await qlik.apps.getAppReloadLogs(app);
assert.equal(logs.data[0].reloadId, queued.id);
step("data and logs");

const { data: published } = await qlik.apps.publishApp(app, { spaceId: managed.id, data: "source", attributes: { name: "Published" } });
const { data: again } = await qlik.apps.republishApp(app, { targetId: published.attributes.id, data: "source", checkOriginAppId: true });
assert.equal(again.attributes.id, published.attributes.id);
step("publishApp, republishApp", again.attributes.id);

const { data: items } = await qlik.items.getItems({ resourceType: "app", spaceId: managed.id });
assert.equal(items.data[0].resourceAttributes.originAppId, app);
step("getItems");

const { data: list } = await qlik.reloads.getReloads({ appId: app, filter: '(status eq "SUCCEEDED" or status eq "FAILED") and partial eq "false"', sort: "-creationTime", limit: 1 });
assert.deepEqual(list.data.map((r) => r.id), [queued.id]);
step("getReloads");

const { data: second } = await qlik.reloads.queueReload({ appId: copied.attributes.id });
const { status: cancelled } = await qlik.reloads.cancelReload(second.id);
assert.ok([202, 204].includes(cancelled));
assert.equal((await await_(second.id)).status, "CANCELED");
step("cancelReload", cancelled);

const { status: exported, headers } = await qlik.apps.exportApp(app, {});
step("exportApp", exported, headers?.get?.("location") ?? "");

await qlik.apps.moveAppToSpace(copied.attributes.id, { spaceId: shared.id });
await qlik.apps.removeAppFromSpace(copied.attributes.id);
await qlik.apps.updateAppOwner(copied.attributes.id, { ownerId: me.id });
await qlik.apps.updateAppInfo(copied.attributes.id, { attributes: { name: "Renamed" } });
assert.equal((await qlik.apps.getAppInfo(copied.attributes.id)).data.attributes.name, "Renamed");
step("moveAppToSpace, removeAppFromSpace, updateAppOwner, updateAppInfo");

const { data: hook } = await qlik.webhooks.createWebhook({ name: "h", url: "https://example.com/q", eventTypes: ["com.qlik.v1.reload.finished"] });
await qlik.webhooks.deleteWebhook(hook.id);
step("webhooks");

for (const id of [published.attributes.id, copied.attributes.id, app]) await qlik.apps.deleteApp(id);
await assert.rejects(qlik.apps.getAppInfo(app), (e) => e.status === 404);
for (const id of [shared.id, managed.id]) await qlik.spaces.deleteSpace(id);
step("deleteApp, deleteSpace");
console.log("all good");
