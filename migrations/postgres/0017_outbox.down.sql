DROP TABLE deliveries, integrations;
