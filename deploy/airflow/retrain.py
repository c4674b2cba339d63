"""Retraining as a DAG of Airflow 3: the steps of retrain.sh, one task each, so that what fails is tried again alone.

The worker that runs them needs innerwatch[batch] with `innerwatch-retrain` on its PATH, the configuration and the key.
A bundle ends in the registry; a person reads the report and promotes it.
"""

from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

STEPS = ("export", "train", "backtest", "add")

with DAG(
    dag_id="innerwatch_retrain",
    description="Trains a bundle of innerwatch and puts it into the registry; promoting it stays with people",
    schedule="0 2 * * 6",
    start_date=datetime(2026, 1, 3, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 1, "retry_delay": timedelta(minutes=15), "execution_timeout": timedelta(hours=12)},
    tags=["innerwatch"],
) as dag:
    former = None
    for step in STEPS:
        task = BashOperator(
            task_id=step,
            bash_command=f"innerwatch-retrain {step}",
            env={"RETRAIN_RUN": "{{ run_id }}"},
            append_env=True,
        )
        if former is not None:
            former >> task
        former = task
