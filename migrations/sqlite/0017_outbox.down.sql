DROP TABLE deliveries;
DROP TABLE integrations;
