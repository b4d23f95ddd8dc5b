"""A task that reloads a Qlik app and waits for its end. Needs nothing but the standard library.

In a DAG:  PythonOperator(task_id="reload_sales", python_callable=reload, op_args=["sales"], retries=3)
"""
import json
import os
import sys
import time
import urllib.request


def ask(app, key, wait="0s"):
    """Ask for the reload; return the run once it has ended in that time, else that it was taken."""
    request = urllib.request.Request(
        os.environ["GATEWAY_URL"] + "/v1/runs?wait=" + wait,
        json.dumps({"app": app, "do": ["reload"]}).encode(),
        {
            "Authorization": "Bearer " + os.environ["GATEWAY_RUNS_SECRET"],
            "Content-Type": "application/json",
            "Idempotency-Key": key,
        },
    )
    with urllib.request.urlopen(request, timeout=90) as answer:
        return json.load(answer)


def reload(app, key=None):
    """Reload an app and return the run's id; raise when it did not succeed.

    The key makes a task whose worker was lost wait for the run that it began, and not begin another.
    A run that is over and did not succeed is followed by a new one: that is what trying again is for.
    """
    key = key or os.environ["AIRFLOW_CTX_DAG_RUN_ID"] + "/" + os.environ["AIRFLOW_CTX_TASK_ID"]
    while ask(app, key)["duplicate"] and ask(app, key, "1s").get("state", "succeeded") != "succeeded":
        key += "/again"
    while "ended" not in (run := ask(app, key, "60s")):
        time.sleep(2)
    if run["state"] != "succeeded":
        raise RuntimeError(f"run {run['id']} {run['state']}")
    return run["id"]


if __name__ == "__main__":
    try:
        print("the task succeeds: run", reload(sys.argv[1], sys.argv[2]))
    except RuntimeError as error:
        sys.exit(f"the task fails: {error}")
