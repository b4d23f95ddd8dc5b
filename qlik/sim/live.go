package sim

import "github.com/qlikgateway/gateway/qlik"

// asLive changes Qlik's document into what the live service takes instead.
func asLive(doc node) {
	text, flag := node{"type": "string"}, node{"type": "boolean"}
	schemas := at(doc, "components", "schemas")
	for _, name := range []string{"AppCreate", "AppUpdate", "AppCopy"} {
		schemas[name] = node{"type": "object", "properties": node{"attributes": schemas[name]}}
	}
	at(schemas, "AppCreate")["required"] = []any{"attributes"}

	publish := at(schemas, "AppPublish", "properties")
	publish["data"] = oneOf("source", "target")
	publish["moveApp"], publish["originAppId"], publish["targetId"], publish["checkOriginAppId"] = flag, text, text, flag
	republish := at(doc, "paths", "/apps/{appId}/publish", "put", "requestBody", "content", "application/json")
	republish["schema"] = node{"type": "object", "required": []any{"targetId"}, "properties": publish}

	reload := at(schemas, "ReloadCreate", "properties")
	short := node{"type": "string", "maxLength": 256}
	reload["variables"] = node{"type": "object", "maxProperties": 20, "propertyNames": short, "additionalProperties": short}
	reload["weight"] = node{"type": "integer", "minimum": 1, "maximum": 10}
	reload["resourceType"], reload["resourceId"] = oneOf("api", "reload-tasks", "tasks", "automate"), text

	roles := node{"type": "array", "items": oneOf(qlik.Cloud.Roles()...)}
	create := at(schemas, "SpaceAssignmentCreate", "properties")
	create["type"], create["roles"] = oneOf("user", "group", "bot"), roles
	update := at(doc, "paths", "/spaces/{spaceId}/assignments/{assignmentId}", "put", "requestBody", "content", "application/json")
	update["schema"] = node{"type": "object", "properties": node{"roles": roles}}
	at(schemas, "JsonPatch", "properties")["op"] = oneOf("replace")

	asLiveQueries(doc)
}

// asLiveQueries changes the parameters of queries.
func asLiveQueries(doc node) {
	set := func(path, method, name string, to node) {
		operation := at(doc, "paths", path, method)
		list, _ := operation["parameters"].([]any)
		for _, p := range list {
			if p, _ := p.(node); p["name"] == name {
				delete(p, "required")
				p["schema"] = to
				return
			}
		}
		operation["parameters"] = append(list, node{"in": "query", "name": name, "schema": to})
	}
	order := []string{}
	for _, field := range []string{"creationTime", "status", "startTime", "endTime"} {
		order = append(order, field, "+"+field, "-"+field)
	}
	set("/apps/import", "post", "mode", oneOf("NEW", "AUTOREPLACE", "new", "autoreplace"))
	set("/apps/{appId}/export", "post", "NoData", node{"type": "boolean"})
	set("/reloads", "get", "appId", node{"type": "string", "format": "uuid"})
	set("/reloads", "get", "sort", oneOf(order...))
	set("/spaces", "get", "type", node{"type": "string"}) // a list with commas
}

// oneOf is the schema of a text out of a list.
func oneOf(values ...string) node {
	list := make([]any, len(values))
	for i, v := range values {
		list[i] = v
	}
	return node{"type": "string", "enum": list}
}
