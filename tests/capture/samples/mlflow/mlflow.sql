CREATE TABLE "metrics" (
	"key" VARCHAR(250) NOT NULL, 
	value FLOAT NOT NULL, 
	timestamp BIGINT NOT NULL, 
	run_uuid VARCHAR(32) NOT NULL, 
	step BIGINT DEFAULT '0' NOT NULL, 
	is_nan BOOLEAN DEFAULT '0' NOT NULL, 
	CONSTRAINT metric_pk PRIMARY KEY ("key", timestamp, step, run_uuid, value, is_nan), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid), 
	CHECK (is_nan IN (0, 1))
);
INSERT INTO "metrics" VALUES('train/loss',0.1,1796003493246,'1fee126124754dfc879d0725543b24ac',0,0);
INSERT INTO "metrics" VALUES('train/loss',0.05,1796003493285,'1fee126124754dfc879d0725543b24ac',1,0);
INSERT INTO "metrics" VALUES('train/loss',3.33333333333333328707e-02,1796003493308,'1fee126124754dfc879d0725543b24ac',2,0);
INSERT INTO "metrics" VALUES('acc',0.5,1796003493328,'1fee126124754dfc879d0725543b24ac',0,0);
INSERT INTO "metrics" VALUES('train/loss',0.2,1796003493391,'b7df9e8b53d547439d08f790e28dbf82',0,0);
INSERT INTO "metrics" VALUES('train/loss',0.1,1796003493401,'b7df9e8b53d547439d08f790e28dbf82',1,0);
INSERT INTO "metrics" VALUES('train/loss',6.66666666666666657414e-02,1796003493424,'b7df9e8b53d547439d08f790e28dbf82',2,0);
INSERT INTO "metrics" VALUES('acc',0.0,1796003493448,'b7df9e8b53d547439d08f790e28dbf82',0,1);
CREATE TABLE "params" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(8000) NOT NULL, 
	run_uuid VARCHAR(32) NOT NULL, 
	CONSTRAINT param_pk PRIMARY KEY ("key", run_uuid), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid)
);
INSERT INTO "params" VALUES('lr','0.1','1fee126124754dfc879d0725543b24ac');
INSERT INTO "params" VALUES('name','mlp','1fee126124754dfc879d0725543b24ac');
INSERT INTO "params" VALUES('lr','0.2','b7df9e8b53d547439d08f790e28dbf82');
INSERT INTO "params" VALUES('name','mlp','b7df9e8b53d547439d08f790e28dbf82');
CREATE TABLE "runs" (
	run_uuid VARCHAR(32) NOT NULL, 
	name VARCHAR(250), 
	source_type VARCHAR(20), 
	source_name VARCHAR(500), 
	entry_point_name VARCHAR(50), 
	user_id VARCHAR(256), 
	status VARCHAR(9), 
	start_time BIGINT, 
	end_time BIGINT, 
	source_version VARCHAR(50), 
	lifecycle_stage VARCHAR(20), 
	artifact_uri VARCHAR(200), 
	experiment_id INTEGER, deleted_time BIGINT, 
	CONSTRAINT run_pk PRIMARY KEY (run_uuid), 
	CONSTRAINT source_type CHECK (source_type IN ('NOTEBOOK', 'JOB', 'LOCAL', 'UNKNOWN', 'PROJECT')), 
	CONSTRAINT runs_lifecycle_stage CHECK (lifecycle_stage IN ('active', 'deleted')), 
	FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CHECK (status IN ('SCHEDULED', 'FAILED', 'FINISHED', 'RUNNING', 'KILLED'))
);
INSERT INTO "runs" VALUES('1fee126124754dfc879d0725543b24ac','lr0.1','UNKNOWN','','','me','FINISHED',1796003493174,1796003493343,'','active','/tmp/mlruns/1/1fee126124754dfc879d0725543b24ac/artifacts',1,NULL);
INSERT INTO "runs" VALUES('b7df9e8b53d547439d08f790e28dbf82','lr0.2','UNKNOWN','','','me','FINISHED',1796003493365,1796003493466,'','active','/tmp/mlruns/1/b7df9e8b53d547439d08f790e28dbf82/artifacts',1,NULL);
